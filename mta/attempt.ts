/**
 * What one try at one recipient brought: whose words, how far it got, over which connection. No I/O.
 *
 * Made by `send/`, judged by `settle/`.
 */
import type { Duration } from '#lib/run/clock.ts';
import type { Reply } from './reply.ts';

/**
 * How far it got. `resolve`: no host to go to. `connect`: no session, to any host. `transaction`: the peer was asked
 * to take this message. `local`: it was never begun, for a reason of ours.
 */
export type Stage = 'resolve' | 'connect' | 'transaction' | 'local';

export interface Attempt {
  readonly stage: Stage;
  /** The peer's reply, or one of ours when the peer gave none (`own`). */
  readonly reply: Reply;
  readonly own: boolean;
  /** The final dot may have been seen, and no reply to it was: the peer may have the message (RFC 1047). */
  readonly inDoubt: boolean;
  /** `mx1.example.net [192.0.2.1]:25` */
  readonly host?: string | undefined;
  /** Address the connection left from. */
  readonly source?: string | undefined;
  readonly tls?: string | undefined;
  readonly took?: Duration | undefined;
}
