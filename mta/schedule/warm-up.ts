/**
 * How much a new address may send to one provider on a day: the plans of `IPPool`. Pure.
 *
 * Receivers judge an address by its history with them, so each provider is warmed up on its own. `Standard` follows what
 * the large senders publish (a few hundred on the first day, 1.4 times as many each day); `Careful` begins with a
 * fifth and grows by a quarter, for addresses or lists with a doubtful past; `Custom` says each day itself. After a
 * plan's last day there is no limit. Days are those of UTC.
 */
import { type IPPool, WARM_UP_DAYS } from '#crds/kinds/ip-pool.ts';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';

export type WarmUp = NonNullable<IPPool['spec']['members'][number]['warmup']>;

interface Growth {
  readonly first: number;
  readonly factor: number;
  readonly days: number;
}

const PLANS: Readonly<Record<'Standard' | 'Careful', Growth>> = {
  Standard: { first: 500, factor: 1.4, days: WARM_UP_DAYS.Standard },
  Careful: { first: 100, factor: 1.25, days: WARM_UP_DAYS.Careful },
};

const DAY: Duration = hours(24);

/** The day of the plan it is at `now`: 0 is the first, negative before it. */
export const warmUpDay = ({ startDate }: WarmUp, now: Instant): number =>
  Math.floor((now - Date.parse(startDate)) / DAY);

/** Messages to one provider on this day; undefined when the plan is over. Before its first day there are none. */
export function warmUpLimit(warmUp: WarmUp, now: Instant): number | undefined {
  const day = warmUpDay(warmUp, now);
  if (day < 0) return 0;
  if (warmUp.plan === 'Custom') return warmUp.dailyLimits?.[day];
  const { first, factor, days } = PLANS[warmUp.plan];
  return day < days ? Math.round(first * factor ** day) : undefined;
}

/** When the day that `now` is in ends. */
export const dayEnds = (now: Instant): Instant => (Math.floor(now / DAY) + 1) * DAY;
