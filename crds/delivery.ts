/**
 * How hard delivery tries, declared once: `MTACluster` sets it for all, `DestinationPolicy` for some destinations.
 *
 * Bounds and words only. When the next attempt is due is decided where mail is scheduled.
 */
import { type Rule, integer, oneOf } from './schema.ts';

const DAY = 86_400;

export const expireAfterSeconds = () =>
  integer(60, 30 * DAY).describe('Seconds after acceptance at which a message that is still waiting is returned.');

export const firstSeconds = () => integer(1, 7 * DAY).describe('Seconds before the second attempt.');
export const factor = () => integer(1, 10).describe('Each wait is this many times the one before.');
export const maxSeconds = () => integer(1, 7 * DAY).describe('No wait is longer than this many seconds.');

/** Both bounds, where both are given. */
export const firstIsWithinMax: Rule<{ firstSeconds?: number; maxSeconds?: number }> = {
  cel: '!has(self.firstSeconds) || !has(self.maxSeconds) || self.firstSeconds <= self.maxSeconds',
  message: 'must have a firstSeconds of at most maxSeconds',
  holds: (retry) => (retry.firstSeconds ?? 0) <= (retry.maxSeconds ?? Infinity),
};

export const tlsLevel = () =>
  oneOf('None', 'Opportunistic', 'Required').describe('TLS never, where the peer offers it, or on every connection.');

/** Older ones must not be used (RFC 8996). */
export const tlsMinVersion = () =>
  oneOf('TLSv1.2', 'TLSv1.3').describe(
    'The oldest version of TLS to use. A peer that offers none so new gets its mail in clear with Opportunistic, and none with Required.',
  );

export const onInDoubt = () =>
  oneOf('Retry', 'Hold', 'AssumeDelivered').describe(
    'For a message whose final dot was sent and whose reply was lost: try again, hold it, or count it as delivered.',
  );
