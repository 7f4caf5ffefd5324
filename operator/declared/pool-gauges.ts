/**
 * How the members of all pools are, as numbers: what their statuses say.
 */
import { typeOfKind } from '#crds/definition.ts';
import { isTrue } from '#crds/source/verdict.ts';
import { kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import { watchTable } from '#lib/run/metrics.ts';
import type { World } from '../world.ts';
import { isUsed, type MemberSaid } from './member.ts';

export function watchPools(world: Pick<World, 'objects'>): void {
  const pools = () =>
    world
      .objects(typeOfKind('IPPool'))
      .filter((it) => isTrue(it, 'Accepted'))
      .map((it) => ({ pool: kubeKey(it.metadata), of: membersIn(it) }));
  watchTable('poolMembers', () => pools().flatMap(({ pool, of }) => countsOf(pool, of)));
  watchTable('poolAvailable', () =>
    pools().flatMap(({ pool, of }) => (of ? [{ labels: { pool }, value: of.filter(isUsed).length }] : [])),
  );
}

/** Undefined before anything has been said of a pool. */
function membersIn({ status }: KubeObject): readonly MemberSaid[] | undefined {
  return (status as { readonly members?: readonly MemberSaid[] } | undefined)?.members;
}

const STATES: readonly MemberSaid['state'][] = ['Available', 'WarmingUp', 'Suspended', 'Unplumbed', 'Unhealthy'];

/** Every state, so that one in which nothing is any more is 0 and not as it was. */
const countsOf = (pool: string, members: readonly MemberSaid[] = []) =>
  STATES.map((state) => ({ labels: { pool, state }, value: members.filter((it) => it.state === state).length }));
