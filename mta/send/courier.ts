/**
 * What a connection needs from others for its life, beside its turn: everything that is not SMTP. Types only.
 */
import type { Clock, Instant } from '#lib/run/clock.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Hold } from '../mail/firing.ts';
import type { Claim, Lease, Queue } from '../queue/queue.ts';
import type { Reply } from '../mail/reply.ts';
import type { ConnectFailure } from './connect.ts';
import type { Dialled, dialFor, Need } from './dial.ts';
import type { Signed } from './sign.ts';

interface Unroutable {
  readonly kind: 'unroutable';
  readonly reply: Reply;
}

export type Opening = Dialled | Unroutable;
export type OpeningFor = Awaited<ReturnType<typeof dialFor>> | Unroutable;

/** A connection that can be told that time is short. */
export interface UnderWay {
  /** Ends now, unless a message is past DATA: what it holds is given back, and none of it was attempted. */
  cutShort(): void;
}

export interface Courier {
  /** Holds the connection for its life. */
  readonly underWay: Set<UnderWay>;
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  /** Most messages on one connection. */
  readonly messages: number;
  /** Why this recipient must have no mail, for which no connection is made; undefined at once for nearly all. */
  suppressed(lease: Lease): undefined | Promise<Reply | undefined>;
  open(): Promise<Opening>;
  /** With a host that offers what is needed. */
  openFor(need: Need): Promise<OpeningFor>;
  sign(lease: Lease): Promise<Signed>;
  /** The envelope sender to use. */
  senderOf(lease: Lease): string;
  settle(lease: Lease, attempt: Attempt): void;
  /** Asked before each message: whether it is held back for what receivers said of others. */
  hold(lease: Lease): Hold | undefined;
  /** What is done with a message that the receiver may have taken. */
  onInDoubt(lease: Lease): 'Retry' | 'Hold' | 'AssumeDelivered';
  /** When a message's life ends, by its own wish and by policy. */
  expiresAt(lease: Lease): Instant;
  /** When outcomes can be recorded; undefined: now. */
  ready(): Promise<void> | undefined;
  /** Told of targets that gave no session, and of faults of ours. Must not throw. */
  missed(failure: ConnectFailure): void;
  troubled(thrown: unknown): void;
}
