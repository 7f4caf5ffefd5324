/**
 * A message as it is handed in, and what the sender is told of it. Pure; who decides is `submit.ts`.
 */
import { createHash } from 'node:crypto';
import type { Duration } from '#lib/run/clock.ts';
import type { TraceContext } from '#lib/trace/context.ts';
import type { DsnRequest } from '../mail/dsn-request.ts';
import type { Header } from '../mail/header.ts';
import type { Message, MessageId } from '../mail/message.ts';
import type { PutOnce } from '../queue/queue.ts';
import { type Reply, reply } from '../mail/reply.ts';
import type { Check } from './admit.ts';
import type { Instructions } from './instructions.ts';
import type { Exceeded } from './quota.ts';
import { siftedBy, type Sifted, type Suppressed } from './suppressed.ts';
import { OURS, type StampContext } from './stamp.ts';

/** What came in: envelope in canonical form, `raw` canonical (CRLF only). */
export interface Submission {
  readonly via: Message['via'];
  readonly sender: string;
  readonly recipients: readonly string[];
  /** The sender declared UTF-8 in addresses or header (RFC 6531). */
  readonly smtpUtf8?: true;
  /** What is asked about reports, by index of `recipients`. */
  readonly dsn?: DsnRequest;
  readonly raw: Buffer;
  readonly protocol: string;
  readonly peer: StampContext['peer'];
  /** What the sender said of it outside of its header. */
  readonly instructions?: Instructions;
  /** The request that handed it in; what its own header says goes before. */
  readonly trace?: TraceContext | undefined;
  /** Submitting again under the key of the tenant is harmless for a day; `hash` says whether it is the same. */
  readonly once?: { readonly key: string; readonly hash: string };
}

export type Submitted =
  /** `suppressed`: recipients that do not get it. */
  | { readonly kind: 'accepted'; readonly message: Message; readonly suppressed: readonly Suppressed[] }
  /** It was accepted before, as that message. */
  | ({ readonly kind: 'repeated'; readonly id: MessageId } & Sifted)
  | {
      readonly kind: 'refused';
      readonly check: Check | 'storage' | 'repeat';
      readonly reply: Reply;
      /** For `quota` and `rate`: after how long it may fit. */
      readonly retryAfter?: Duration;
      /** For `suppression`: all recipients. */
      readonly suppressed?: readonly Suppressed[];
    };

/** The disk is full, or as good as. */
export const noSpace = reply(452, '4.3.1', 'no room: try again later');
/** Nobody answers where mail would be stored. */
export const noQueue = reply(451, '4.3.0', 'the queue cannot be reached: try again later');

/** What the sender is told: RFC 5321 §4.2.5 makes the reply to the dot the transfer of responsibility. */
export const acceptedReply = (id: MessageId): Reply => reply(250, '2.0.0', `queued as ${id}`);

export type Refused = Submitted & { readonly kind: 'refused' };

export const refused = (check: Check | 'storage' | 'repeat', why: Reply): Refused => ({
  kind: 'refused',
  check,
  reply: why,
});

export const keyOf = (tenant: string, { key }: NonNullable<Submission['once']>): string => `${tenant} ${key}`;

/** What a key says of a submission that was put before; undefined when none was. */
export function repeated(put: PutOnce, named: readonly string[]): Submitted | undefined {
  if (put.kind === 'conflict') return refused('repeat', reply(550, '5.5.0', 'the key was used for another message'));
  return put.kind === 'known' ? { kind: 'repeated', id: put.id, ...siftedBy(put.note, named) } : undefined;
}

export const allSuppressed = (suppressed: readonly Suppressed[]): Refused => ({
  ...refused('suppression', reply(550, '5.7.1', 'every recipient is suppressed')),
  suppressed,
});

export function overQuota({ subject, limit, window, retryAfter }: Exceeded, count: number): Refused {
  const may = `${subject} may send ${limit} recipients ${window === 'hour' ? 'an hour' : 'a day'}`;
  if (retryAfter === 'never') return refused('quota', reply(550, '5.7.1', `${may}, and this message has ${count}`));
  const wait = `try again in ${Math.ceil(retryAfter / 60_000)} minutes`;
  return { ...refused('quota', reply(452, '4.7.1', `${may}: ${wait}`)), retryAfter };
}

/** What tells a submission from others under the same key: envelope and every byte, but for the span that hands it in. */
export function hashOf({ sender, recipients, raw }: Submission, { fields }: Header): string {
  const hash = createHash('sha256').update(JSON.stringify([sender, recipients]));
  let from = 0;
  for (const field of fields.filter((it) => OF_TRACE.has(it.name))) {
    hash.update(raw.subarray(from, field.start));
    from = field.end;
  }
  return hash.update(raw.subarray(from)).digest('base64');
}

const OF_TRACE = new Set([`${OURS}traceparent`, `${OURS}tracestate`]);
