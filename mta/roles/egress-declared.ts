/**
 * What the egress proxy lets leave: addresses of members of `IPPool`s that are neither `Local` nor suspended, from a folder of
 * resources, or from Kubernetes.
 *
 * In Kubernetes it is every pool that the owner of its cluster has accepted, by the operator's word, whatever cluster that is; while
 * the API server is away it stays as it was.
 */
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import { typeOfKind } from '#crds/definition.ts';
import { openFolder } from '#crds/source/folder.ts';
import { problemLine } from '#crds/source/source.ts';
import { isTrue } from '#crds/source/verdict.ts';
import { validate } from '#crds/validate.ts';
import type { Kube, KubeObject } from '#lib/kube/kube.ts';
import { Reflector } from '#lib/kube/reflector.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';

export interface Declares {
  /** Made anew when they change. */
  readonly addresses: () => ReadonlySet<string>;
  /** Why they are not known yet. */
  readonly trouble: () => string | undefined;
}

export async function declaredInFolder(
  config: string,
  clock: Clock,
  log: Log,
  opened: AsyncDisposableStack,
): Promise<Declares> {
  const source = opened.adopt(await openFolder(config, clock), (it) => it.close());
  source.onChange(() => {
    metrics.resourceProblems.set(source.problems().length);
    for (const it of source.problems()) log.error('the last good resources stay in use', { reason: problemLine(it) });
  });
  const addresses = kept(
    () => source.current(),
    ({ pools }) => addressesOf(pools),
  );
  return { addresses, trouble: () => undefined };
}

export interface InKubernetes {
  readonly kube: Pick<Kube, 'list' | 'watch'>;
  /** Absent: all. */
  readonly namespaces?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export function declaredInKubernetes(
  { kube, namespaces, clock, random }: InKubernetes,
  opened: AsyncDisposableStack,
): Declares {
  let version = 0;
  const scopes = namespaces ? namespaces.map((namespace) => ({ namespace })) : [{}];
  const heard = (): void => void (version += 1);
  const reflectors = scopes.map((scope) =>
    opened.adopt(new Reflector({ kube, type: typeOfKind('IPPool'), scope, clock, random, heard }), (it) => it.close()),
  );
  const pools = (): IPPool[] =>
    reflectors.flatMap(({ objects }) => Array.from(objects.values())).flatMap((it) => acceptedPool(it) ?? []);
  return {
    addresses: kept(
      () => version,
      () => addressesOf(pools()),
    ),
    trouble: () =>
      reflectors.every((it) => it.isSynced) ? undefined : 'the API server has not told yet which pools there are',
  };
}

function acceptedPool(object: KubeObject): IPPool | undefined {
  const validated = validate(object);
  const resource = validated.kind === 'valid' ? validated.resource : undefined;
  return resource?.kind === 'IPPool' && isTrue(object, 'Accepted') ? resource : undefined;
}

const addressesOf = (pools: readonly IPPool[]): ReadonlySet<string> =>
  new Set(
    pools
      .flatMap(({ spec }) => spec.members)
      .filter(({ egress, suspend }) => egress !== 'Local' && !suspend)
      .map(({ address }) => address),
  );

/** Made once for each state. */
function kept<State, Made>(stateNow: () => State, make: (state: State) => Made): () => Made {
  let of = stateNow();
  let made = make(of);
  return () => {
    const newest = stateNow();
    if (newest !== of) [of, made] = [newest, make(newest)];
    return made;
  };
}
