/**
 * The reconcilers of the kinds of which nothing is made.
 */
import { typeOfKind } from '#crds/definition.ts';
import { keyOf } from '#crds/resource.ts';
import type { Kube } from '#lib/kube/kube.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Reconciler } from '../controller/controller.ts';
import { clusterRouteOf, type Targets } from '../grants.ts';
import { byAge, resourceIn } from '../typed.ts';
import type { World } from '../world.ts';
import { policyFindings } from './policy.ts';
import { poolSaid } from './pool.ts';
import { DeclaredReconciler } from './reconcile.ts';
import type { DnsLooks } from './dns-looks.ts';
import type { Holders } from './holders.ts';

export interface DeclaredKindsOptions {
  readonly kube: Pick<Kube, 'applyStatus'>;
  readonly world: World;
  readonly clock: Clock;
  readonly targets: Targets;
}

/** `looks`: who asks DNS about addresses; `holders`: which nodes hold which now, undefined where nodes have no proxies. */
export const poolReconciler = (
  { targets, ...around }: DeclaredKindsOptions,
  looks: DnsLooks,
  holders: () => Holders | undefined,
): Reconciler =>
  new DeclaredReconciler({
    ...around,
    name: 'ippool',
    kind: 'IPPool',
    say: (pool, now, observed) => {
      const { overflowPoolRef: overflow } = pool.spec;
      const key = overflow && keyOf({ namespace: pool.metadata.namespace, name: overflow.name });
      const hasOverflow = key === undefined || targets.pool(key) !== undefined;
      const route = clusterRouteOf(pool, targets);
      const { again, ...found } = looks.of(pool);
      const said = poolSaid({ pool, observed, route, hasOverflow, ...found, holders: holders(), now });
      return { ...said, again: Math.min(said.again ?? Infinity, again) };
    },
    gone: (key) => looks.drop(key),
  });

export const policyReconciler = ({ targets, ...around }: DeclaredKindsOptions): Reconciler =>
  new DeclaredReconciler({
    ...around,
    name: 'destinationpolicy',
    kind: 'DestinationPolicy',
    say: (policy) => {
      const { metadata, spec } = policy;
      const cluster = targets.cluster(keyOf({ namespace: metadata.namespace, name: spec.clusterRef.name }));
      const all = around.world
        .objects(typeOfKind('DestinationPolicy'))
        .filter((it) => it.metadata.namespace === metadata.namespace)
        .toSorted(byAge)
        .flatMap((it) => resourceIn(it, 'DestinationPolicy') ?? [])
        .filter((it) => it.spec.clusterRef.name === spec.clusterRef.name);
      const at = all.findIndex((it) => it.metadata.name === metadata.name);
      return { findings: policyFindings(policy, cluster !== undefined, all.slice(0, Math.max(0, at))) };
    },
  });
