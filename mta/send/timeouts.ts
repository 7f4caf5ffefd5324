/**
 * How long each step of a session may take: RFC 5321 §4.5.3.2, and what it leaves out. The one table of them.
 */
import { type Duration, minutes, seconds } from '#lib/run/clock.ts';

export interface Timeouts {
  readonly connect: Duration;
  /** Each step with an egress proxy, but the one that connects. */
  readonly proxy: Duration;
  readonly banner: Duration;
  /** EHLO or HELO. */
  readonly ehlo: Duration;
  /** The reply to STARTTLS. */
  readonly startTls: Duration;
  readonly handshake: Duration;
  readonly rset: Duration;
  readonly mail: Duration;
  readonly rcpt: Duration;
  readonly data: Duration;
  /** One block of a large message. */
  readonly content: Duration;
  /** Everything before the final dot together: else a slow peer could hold a transaction for hours, step by step. */
  readonly beforeDot: Duration;
  /** The reply to the final dot. Shorter is where duplicates come from (RFC 1047). */
  readonly dot: Duration;
  readonly quit: Duration;
}

export const defaultTimeouts: Timeouts = {
  connect: seconds(30),
  proxy: seconds(10),
  banner: minutes(5),
  ehlo: minutes(5),
  startTls: minutes(2),
  handshake: minutes(1),
  rset: minutes(5),
  mail: minutes(5),
  rcpt: minutes(5),
  data: minutes(2),
  content: minutes(3),
  beforeDot: minutes(30),
  dot: minutes(10),
  quit: seconds(5),
};
