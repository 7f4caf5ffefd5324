/**
 * Decides from when to when a message may be sent. Pure.
 */
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { Message } from '../mail/message.ts';
import type { Instructions } from './instructions.ts';

/** With it, waiting and the longest life of a message end before its events are forgotten. */
const LONGEST_WAIT: Duration = hours(72);

export type Timing = Pick<Message, 'notBefore' | 'expiresAt'>;

/** `longest` is the life a message has unless it asks for less; it begins when the message may be sent. */
export function timingOf(
  { sendAt, expireAfter: wanted }: Instructions,
  now: Instant,
  longest: Duration,
): Timing | { readonly problem: string } {
  const expireAfter = wanted ?? longest;
  if (expireAfter > longest) return { problem: `expireAfter must be at most ${longest / 1000} seconds` };
  if (sendAt === undefined || sendAt <= now) return { expiresAt: now + expireAfter };
  if (sendAt > now + LONGEST_WAIT) return { problem: 'sendAt must be at most 72 hours from now' };
  return { notBefore: sendAt, expiresAt: sendAt + expireAfter };
}
