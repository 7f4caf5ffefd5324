/**
 * A moment as the Date field of a message has it (RFC 5322 §3.3), in UTC.
 */
import { type Instant, seconds } from '#lib/run/clock.ts';

const SECOND = seconds(1);

/** What was said last: thousands of messages a second share it. */
const last = { second: NaN, text: '' };

export function mailDate(at: Instant): string {
  const second = Math.floor(at / SECOND);
  if (second !== last.second) {
    last.text = new Date(second * SECOND).toUTCString().replace('GMT', '+0000');
    last.second = second;
  }
  return last.text;
}
