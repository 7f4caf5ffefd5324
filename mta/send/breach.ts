/**
 * How a conversation ends without the peer's word: a value, and our own temporary reply in place of the missing one.
 */
import { type Reply, reply } from '../mail/reply.ts';

/** `protocol`: the peer's bytes make no sense here. `io`: the connection failed under us. */
export type BreachKind = 'protocol' | 'closed' | 'timeout' | 'io';

export interface Breach {
  readonly kind: BreachKind;
  /** Half a sentence for people: `no reply in time`. */
  readonly reason: string;
}

export const isBreach = (it: Reply | Breach): it is Breach => 'reason' in it;

/** Always 4xx: nobody refused anything. */
export function breachReply(breach: Breach): Reply {
  return reply(451, breach.kind === 'protocol' ? '4.5.0' : '4.4.2', breach.reason);
}
