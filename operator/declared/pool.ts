/**
 * An `IPPool`: whether its cluster takes it, and which of its addresses mail leaves from. Pure.
 *
 * What only the machine that holds an address knows is Unknown until somebody reports it.
 */
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import { keyOf } from '#crds/resource.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Finding, type Progress, summary } from '../controller/condition.ts';
import { conditionsOf } from '../controller/status.ts';
import type { ClusterRoute } from '../grants.ts';
import { acceptedFinding } from './accepted.ts';
import { DAY, isUsed, type MemberSaid, memberSaid, type MemberView } from './member.ts';
import type { Said } from './reconcile.ts';
import { reverseFinding } from './reverse.ts';

export interface PoolView extends Omit<MemberView, 'before' | 'health'> {
  readonly pool: IPPool;
  /** The resource as the server has it: who has just begun says of DNS what was said before. */
  readonly observed: KubeObject;
  readonly route: ClusterRoute;
  /** Whether the pool that takes what is above its limits is there, if it names one. */
  readonly hasOverflow: boolean;
}

export function poolSaid(view: PoolView): Said {
  const { pool, route, now } = view;
  const { members: before = [] } = (view.observed['status'] ?? {}) as { readonly members?: readonly MemberSaid[] };
  const { health } = pool.spec;
  const members = pool.spec.members.map((it) =>
    memberSaid(it, { ...view, health, before: before.find(({ name }) => name === it.name) }),
  );
  const isWarming = members.some(({ state }) => state === 'WarmingUp');
  return {
    findings: [...summary(progressOf(view, members)), acceptedFinding(route), plumbed(view, members), reverseIn(view)],
    fields: { memberCount: members.length, availableCount: members.filter(isUsed).length, members },
    // A day of warming up ends with the day in UTC.
    ...(isWarming && { again: DAY - (now % DAY) }),
  };
}

function reverseIn({ pool, observed, reverses }: PoolView): Finding {
  const finding = reverseFinding(pool, reverses);
  if (reverses) return finding;
  return conditionsOf(observed).find(({ type }) => type === finding.type) ?? finding;
}

function plumbed({ pool: { spec } }: PoolView, members: readonly MemberSaid[]): Finding {
  const type = 'Plumbed';
  const away = spec.members.filter(({ egress }) => egress !== 'Local');
  if (away.length === 0) return { type, status: 'True', reason: 'Local', message: '' };
  const missing = members.filter(({ state }) => state === 'Unplumbed');
  if (missing.length > 0) return { type, status: 'False', reason: missing[0]?.reason ?? '', message: textOf(missing) };
  const unseen = away.filter(({ egress, suspend }) => egress === 'Proxy' && !suspend).map(({ address }) => address);
  if (unseen.length === 0) return { type, status: 'True', reason: 'OnNodes', message: '' };
  const message = `nobody reports whether proxies of your own hold ${unseen.join(', ')}`;
  return { type, status: 'Unknown', reason: 'NotReported', message };
}

const FOREIGN =
  'only an IPPool in the namespace of its MTACluster may name a proxy: make it there, and grant this namespace in its spec.namespaces';

function progressOf({ pool, route, hasOverflow }: PoolView, members: readonly MemberSaid[]): Progress {
  const { metadata, spec } = pool;
  if (route.kind === 'refused') return { kind: 'stalled', reason: route.reason, message: route.message };
  const { namespace } = metadata;
  if (route.cluster.metadata.namespace !== namespace && spec.members.some(({ egress }) => egress === 'Proxy'))
    return { kind: 'stalled', reason: 'ProxyRefused', message: FOREIGN };
  if (spec.overflowPoolRef?.name === metadata.name)
    return { kind: 'stalled', reason: 'OverflowItself', message: 'spec.overflowPoolRef must name another pool' };
  if (spec.overflowPoolRef && !hasOverflow) {
    const { name } = spec.overflowPoolRef;
    const message = `there is no IPPool ${keyOf({ namespace: metadata.namespace, name })}: make it`;
    return { kind: 'waiting', reason: 'OverflowMissing', message };
  }
  if (members.some(isUsed)) return { kind: 'ready' };
  const bad = members.filter(({ state }) => state !== 'Suspended');
  if (bad.length > 0) return { kind: 'waiting', reason: 'NoMemberIsFit', message: textOf(bad) };
  return { kind: 'resting', reason: 'Suspended', message: 'every member is suspended: nothing leaves from this pool' };
}

const MOST_NAMED = 3;

function textOf(members: readonly MemberSaid[]): string {
  const named = members.slice(0, MOST_NAMED).map(({ name, message = '' }) => `${name}: ${message}`);
  const more = members.length > MOST_NAMED ? [`and ${members.length - MOST_NAMED} more`] : [];
  return [...named, ...more].join('; ');
}
