/**
 * Puts messages into the log: durable then, whoever holds their shards. This process waits until those that it holds itself know.
 *
 * A key's record is appended together with its message, where the key's subject still ends as it was seen to.
 */
import { createHash } from 'node:crypto';
import { type Clock, type Duration, hours } from '#lib/run/clock.ts';
import type { Fault } from '#lib/run/fault.ts';
import type { Outgoing } from '#lib/nats/connection.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Message } from '../../mail/message.ts';
import type { Once, PutOnce, Unreported } from '../queue.ts';
import { Turns } from '../sqlite/turns.ts';
import { type Committed, Commits } from './commits.ts';
import { encodeKey, takenBy } from './key-record.ts';
import { type Layout, shardsOf } from './layout.ts';
import { encodePut } from './put-record.ts';
import { lastKey } from './trim.ts';

/** Longer than a report may be put and not yet noted as put. */
const REPORT_KNOWN_FOR: Duration = hours(7 * 24);

export interface PuttingOptions {
  readonly streams: Streams;
  readonly layout: Layout;
  /** By which mail is due. */
  readonly clock: Clock;
  /** The machine's, by which NATS is asked again. */
  readonly ioClock: Clock;
  /** A name that nobody else gives. */
  readonly nextName: () => string;
  /** Why nothing may be put now, if so. */
  readonly refusal: () => Fault | undefined;
  /** Resolves when what lies in the log for a shard is known to whoever holds it here; `last` unknown: all that is there now. */
  readonly arrived: (shard: number, last: number | undefined) => Promise<void>;
}

export class Putting {
  readonly #options: PuttingOptions;
  readonly #commits: Commits;
  readonly #turns = new Turns();

  constructor(options: PuttingOptions) {
    this.#options = options;
    this.#commits = new Commits(options.streams, options.ioClock, options.nextName);
  }

  async put(message: Message): Promise<void> {
    this.#refuse();
    await this.#append(message, []);
  }

  async putOnce(message: Message, once: Once): Promise<PutOnce> {
    this.#refuse();
    return this.#putOnce(message, once);
  }

  async known(once: Pick<Once, 'key' | 'hash'>): Promise<PutOnce | undefined> {
    const { streams, layout, clock } = this.#options;
    return takenBy((await lastKey(streams, layout, layout.keyOf(once.key))).stored, once, clock.now());
  }

  /** Once for what it tells of; also where there is no room for others. */
  async putReport(dsn: Message, owed: Unreported, shard: number): Promise<void> {
    await this.#putOnce(dsn, this.#reportOf(owed, shard));
  }

  #refuse(): void {
    const refusal = this.#options.refusal();
    if (refusal) throw refusal;
  }

  #putOnce(message: Message, once: Once): Promise<PutOnce> {
    const { streams, layout, clock } = this.#options;
    const subject = layout.keyOf(once.key);
    return this.#turns.alone(subject, async () => {
      for (let isAgain = false; ; isAgain = true) {
        const { stored, after } = await lastKey(streams, layout, subject, isAgain ? 'last' : 'lately');
        const taken = takenBy(stored, once, clock.now());
        // What was asked for and not answered for may be there.
        if (isAgain && taken?.kind === 'known' && taken.id === message.id) return { kind: 'put' };
        if (taken) return taken;
        const { kind } = await this.#append(message, [encodeKey(subject, once, message.id, after)]);
        if (kind === 'committed') return { kind: 'put' };
      }
    });
  }

  /** No tenant's name is empty, so this is nobody's key. */
  #reportOf({ message, events }: Unreported, shard: number): Once {
    const hash = createHash('sha256');
    for (const { event } of events) hash.update(JSON.stringify(event));
    const key = ` report ${shard} ${message.id} ${hash.digest('hex')}`;
    return { key, hash: '', until: this.#options.clock.now() + REPORT_KNOWN_FOR, note: '' };
  }

  async #append(message: Message, before: readonly Outgoing[]): Promise<Committed> {
    const { layout, arrived } = this.#options;
    const committed = await this.#commits.append([...before, ...encodePut(message, layout)]);
    if (committed.kind === 'committed')
      for (const shard of shardsOf(message, layout.shards)) await arrived(shard, committed.sequence);
    return committed;
  }
}
