/**
 * An `IPPool`: whether its cluster takes it, and which of its addresses mail leaves from. Pure.
 *
 * What only the machine that holds an address knows is Unknown until somebody reports it.
 */
import { type IPPool, warmUpDays } from '#crds/kinds/ip-pool.ts';
import { keyOf } from '#crds/resource.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import { type Finding, type Progress, summary } from '../controller/condition.ts';
import { conditionsOf } from '../controller/status.ts';
import type { ClusterRoute } from '../grants.ts';
import { acceptedFinding } from './accepted.ts';
import type { Said } from './reconcile.ts';
import { memberReverse, reverseFinding, type ReverseSaid } from './reverse.ts';
import type { Reverses } from './reverse-looks.ts';

const DAY: Duration = hours(24);

export interface PoolView {
  readonly pool: IPPool;
  /** The resource as the server has it: who has just begun says of DNS what was said before. */
  readonly observed: KubeObject;
  readonly route: ClusterRoute;
  /** Whether the pool that takes what is above its limits is there, if it names one. */
  readonly hasOverflow: boolean;
  /** Names of its addresses; undefined before anybody has looked. */
  readonly reverses: Reverses | undefined;
  readonly now: Instant;
}

export function poolSaid(view: PoolView): Said {
  const { pool, route, now } = view;
  const members = pool.spec.members.map((it) => memberOf(it, view));
  const isWarming = members.some(({ state }) => state === 'WarmingUp');
  const available = members.filter(({ state }) => state !== 'Suspended').length;
  return {
    findings: [...summary(progressOf(view, available)), acceptedFinding(route), plumbed(pool), reverseIn(view)],
    fields: { memberCount: members.length, availableCount: available, members },
    // A day of warming up ends with the day in UTC.
    ...(isWarming && { again: DAY - (now % DAY) }),
  };
}

function reverseIn({ pool, observed, reverses }: PoolView): Finding {
  const finding = reverseFinding(pool, reverses);
  if (reverses) return finding;
  return conditionsOf(observed).find(({ type }) => type === finding.type) ?? finding;
}

type Member = IPPool['spec']['members'][number];

interface MemberSaid extends ReverseSaid {
  readonly name: string;
  readonly state: 'Available' | 'WarmingUp' | 'Suspended';
  readonly until?: string;
  readonly warmupDay?: number;
}

const SUSPENDED = { state: 'Suspended', reason: 'Suspended', message: 'suspend is true: set it to false' } as const;

function memberOf(member: Member, view: PoolView): MemberSaid {
  const reverse = view.reverses ? memberReverse(member, view.reverses.get(member.address)) : saidBefore(member, view);
  const { name, suspend } = member;
  return suspend ? { name, ...reverse, ...SUSPENDED } : { name, ...reverse, ...warmthOf(member, view.now) };
}

interface SaidBefore {
  readonly members?: readonly MemberSaid[];
}

/** A member's address never changes. */
function saidBefore({ name }: Member, { observed }: PoolView): ReverseSaid {
  const { members = [] } = (observed['status'] ?? {}) as SaidBefore;
  const { ptr, reason, message } = members.find((it) => it.name === name) ?? {};
  const isOther = reason === SUSPENDED.reason;
  return {
    ...(ptr !== undefined && { ptr }),
    ...(reason !== undefined && !isOther && { reason }),
    ...(message !== undefined && !isOther && { message }),
  };
}

function warmthOf({ warmup }: Member, now: Instant): Pick<MemberSaid, 'state' | 'until' | 'warmupDay'> {
  const began = warmup ? Date.parse(warmup.startDate) : 0;
  const ends = warmup ? began + warmUpDays(warmup) * DAY : 0;
  if (now >= ends) return { state: 'Available' };
  // `metav1.Time` has whole seconds.
  const until = new Date(ends).toISOString().replace('.000Z', 'Z');
  return { state: 'WarmingUp', until, warmupDay: Math.max(0, Math.floor((now - began) / DAY) + 1) };
}

function plumbed({ spec }: IPPool): Finding {
  const away = spec.members.filter(({ egress }) => egress !== 'Local').map(({ address }) => address);
  if (away.length === 0) return { type: 'Plumbed', status: 'True', reason: 'Local', message: '' };
  const message = `nobody has reported whether mail can be sent from ${away.join(', ')}`;
  return { type: 'Plumbed', status: 'Unknown', reason: 'NotReported', message };
}

function progressOf({ pool, route, hasOverflow }: PoolView, available: number): Progress {
  const { metadata, spec } = pool;
  if (route.kind === 'refused') return { kind: 'stalled', reason: route.reason, message: route.message };
  if (spec.overflowPoolRef && !hasOverflow) {
    const { name } = spec.overflowPoolRef;
    const message = `there is no IPPool ${keyOf({ namespace: metadata.namespace, name })}: make it`;
    return { kind: 'waiting', reason: 'OverflowMissing', message };
  }
  if (available > 0) return { kind: 'ready' };
  return { kind: 'resting', reason: 'Suspended', message: 'every member is suspended: nothing leaves from this pool' };
}
