/**
 * Where everything lies: names of streams and subjects, and which shard mail for a domain belongs to. No I/O.
 *
 * A shard is a subject, streams are few. The number of shards never changes once there is mail; mail for a domain stays in its
 * shard whatever pool it leaves by.
 */
import { createHash } from 'node:crypto';
import { domainOf, type Message } from '../../mail/message.ts';

export interface Layout {
  readonly shards: number;
  /** What was accepted, in order; `body` holds what does not fit beside it, `key` what was put once. */
  readonly log: string;
  /** What became of it: changes and events. */
  readonly done: string;
  /** What is in hand. */
  readonly hand: string;
  /** Keys that the log may have forgotten. */
  readonly keys: string;
  readonly logSubjects: readonly string[];
  readonly doneSubjects: readonly string[];
  readonly handSubjects: readonly string[];
  readonly body: string;
  readonly allKeys: string;
  readonly inOf: (shard: number) => string;
  readonly allIn: string;
  readonly keyOf: (key: string) => string;
  readonly doneOf: (shard: number) => string;
  readonly allDone: string;
  /** Where whoever holds a shard is asked. */
  readonly askOf: (shard: number) => string;
  /** Of a shard, as long as one process holds it. */
  readonly handOf: (shard: number, holding: number) => string;
}

/** `name` tells the queues of one NATS cluster apart: letters, digits, `-` and `_`. */
export const layoutOf = (name: string, shards: number): Layout => ({
  shards,
  log: `${name}_LOG`,
  done: `${name}_DONE`,
  hand: `${name}_HAND`,
  keys: `${name}_KEYS`,
  logSubjects: [`${name}.in.*`, `${name}.body`, `${name}.key.*`],
  doneSubjects: [`${name}.done.*`],
  handSubjects: [`${name}.hand.*.*.*`],
  body: `${name}.body`,
  allKeys: `${name}.key.*`,
  inOf: (shard) => `${name}.in.${shard}`,
  allIn: `${name}.in.*`,
  keyOf: (key) => `${name}.key.${createHash('sha256').update(key).digest('hex').slice(0, 32)}`,
  doneOf: (shard) => `${name}.done.${shard}`,
  allDone: `${name}.done.*`,
  askOf: (shard) => `${name}.ask.${shard}`,
  handOf: (shard, holding) => `${name}.hand.${shard}.${holding}`,
});

/** FNV-1a (draft-eastlake-fnv), 32 bits, over UTF-16 units: domains are ASCII. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

export const shardOf = (domain: string, shards: number): number => hashOf(domain) % shards;

/** Shards a message has recipients in, each once. */
export const shardsOf = ({ recipients }: Pick<Message, 'recipients'>, shards: number): number[] => [
  ...new Set(recipients.map((it) => shardOf(domainOf(it), shards))),
];
