/**
 * Days and moments as the resources write them (RFC 3339), only those that the calendar has.
 */
import { type Rule, ruled, text } from './schema.ts';

const dateIsReal: Rule<string> = {
  cel: "timestamp(self + 'T00:00:00Z').getFullYear() >= 2000",
  message: 'must be a date of the calendar, such as 2026-01-31, from 2000 on',
  holds: (day) => day >= '2000' && isInCalendar(day),
};

/** A day: `2026-01-31`. */
export const date = () =>
  ruled(text({ max: 10, pattern: /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, says: dateIsReal.message }), dateIsReal);

/** JavaScript reads the 31st of February as a day in March. */
function isInCalendar(day: string): boolean {
  const read = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(read.getTime()) && read.toISOString().startsWith(day);
}

const momentIsReal: Rule<string> = {
  cel: 'timestamp(self).getFullYear() >= 2000',
  message: 'must be a moment with its time zone, such as 2026-12-31T23:59:59Z',
  holds: (it) => isInCalendar(it.slice(0, 10)) && isFrom2000(new Date(it).getTime()),
};

/** In UTC, and before years have five digits, as the rule counts. */
const isFrom2000 = (at: number): boolean => at >= Date.UTC(2000) && at < Date.UTC(10_000);

const TIME = '([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?';
const ZONE = '(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])';

/** A moment: `2026-12-31T23:59:59Z`. */
export const moment = () =>
  ruled(
    text({ max: 40, pattern: new RegExp(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T${TIME}${ZONE}$`), says: momentIsReal.message }),
    momentIsReal,
  );
