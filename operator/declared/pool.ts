/**
 * An `IPPool`: whether its cluster takes it, and which of its addresses mail leaves from. Pure.
 *
 * What only the machine that holds an address knows is Unknown until somebody reports it.
 */
import { type IPPool, warmUpDays } from '#crds/kinds/ip-pool.ts';
import { keyOf } from '#crds/resource.ts';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import { type Finding, type Progress, summary } from '../controller/condition.ts';
import type { ClusterRoute } from '../grants.ts';
import { acceptedFinding } from './accepted.ts';
import type { Said } from './reconcile.ts';

const DAY: Duration = hours(24);

export function poolSaid(pool: IPPool, route: ClusterRoute, hasOverflow: boolean, now: Instant): Said {
  const members = pool.spec.members.map((it) => memberOf(it, now));
  const isWarming = members.some(({ state }) => state === 'WarmingUp');
  const available = members.filter(({ state }) => state !== 'Suspended').length;
  return {
    findings: [
      ...summary(progressOf(pool, route, hasOverflow, available)),
      acceptedFinding(route),
      plumbed(pool),
      { type: 'ReverseDNSReady', status: 'Unknown', reason: 'NotAsked', message: REVERSE },
    ],
    fields: { memberCount: members.length, availableCount: available, members },
    // A day of warming up ends with the day in UTC.
    ...(isWarming && { again: DAY - (now % DAY) }),
  };
}

const REVERSE = 'names of addresses are not looked up yet: see that each has a name, and that the name has the address';

type Member = IPPool['spec']['members'][number];

interface MemberSaid {
  readonly name: string;
  readonly state: 'Available' | 'WarmingUp' | 'Suspended';
  readonly reason?: string;
  readonly message?: string;
  readonly until?: string;
  readonly warmupDay?: number;
}

function memberOf({ name, suspend, warmup }: Member, now: Instant): MemberSaid {
  if (suspend) return { name, state: 'Suspended', reason: 'Suspended', message: 'suspend is true: set it to false' };
  const began = warmup ? Date.parse(warmup.startDate) : 0;
  const ends = warmup ? began + warmUpDays(warmup) * DAY : 0;
  if (now >= ends) return { name, state: 'Available' };
  // `metav1.Time` has whole seconds.
  const until = new Date(ends).toISOString().replace('.000Z', 'Z');
  return { name, state: 'WarmingUp', until, warmupDay: Math.max(0, Math.floor((now - began) / DAY) + 1) };
}

function plumbed({ spec }: IPPool): Finding {
  const away = spec.members.filter(({ egress }) => egress !== 'Local').map(({ address }) => address);
  if (away.length === 0) return { type: 'Plumbed', status: 'True', reason: 'Local', message: '' };
  const message = `nobody has reported whether mail can be sent from ${away.join(', ')}`;
  return { type: 'Plumbed', status: 'Unknown', reason: 'NotReported', message };
}

function progressOf(
  { metadata: { namespace }, spec: { overflowPoolRef } }: IPPool,
  route: ClusterRoute,
  hasOverflow: boolean,
  available: number,
): Progress {
  if (route.kind === 'refused') return { kind: 'stalled', reason: route.reason, message: route.message };
  if (overflowPoolRef && !hasOverflow) {
    const message = `there is no IPPool ${keyOf({ namespace, name: overflowPoolRef.name })}: make it`;
    return { kind: 'waiting', reason: 'OverflowMissing', message };
  }
  if (available > 0) return { kind: 'ready' };
  return { kind: 'resting', reason: 'Suspended', message: 'every member is suspended: nothing leaves from this pool' };
}
