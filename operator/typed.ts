/**
 * Objects as the resources they are: validated once for each state that was read.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { AnyResource, Kind } from '#crds/kinds.ts';
import { validate } from '#crds/validate.ts';
import { kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import type { Targets } from './grants.ts';
import { NAMESPACES } from './types.ts';
import type { World } from './world.ts';

const known = new WeakMap<KubeObject, AnyResource | 'invalid'>();

export type OfKind<K extends Kind> = Extract<AnyResource, { readonly kind: K }>;

/** Undefined when there is none, or it is not valid. */
export function resourceIn<K extends Kind>(object: KubeObject | undefined, kind: K): OfKind<K> | undefined {
  if (!object) return undefined;
  const before = known.get(object) ?? judge(object);
  known.set(object, before);
  return before !== 'invalid' && before.kind === kind ? (before as OfKind<K>) : undefined;
}

/** By what is declared: what was said of it here is no part of that, and large. */
function judge({ apiVersion, kind, metadata, spec }: KubeObject): AnyResource | 'invalid' {
  const validated = validate({ apiVersion, kind, metadata, spec });
  return validated.kind === 'valid' ? validated.resource : 'invalid';
}

export const targetsOf = (world: World): Targets => ({
  pool: (key) => resourceIn(world.object(typeOfKind('IPPool'), key), 'IPPool'),
  cluster: (key) => resourceIn(world.object(typeOfKind('MTACluster'), key), 'MTACluster'),
  claim: (namespace, domain) => {
    const all = world.indexed(typeOfKind('SendingDomain'), `${namespace} ${domain}`);
    const [oldest] = all.toSorted(byAge);
    return oldest && kubeKey(oldest.metadata);
  },
  labels: (namespace) => world.object(NAMESPACES, namespace)?.metadata.labels ?? {},
});

/** The oldest first; of those of one second the first by name. */
export function byAge({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number {
  const [older, younger] = [a.creationTimestamp ?? '', b.creationTimestamp ?? ''];
  if (older !== younger) return older < younger ? -1 : 1;
  return kubeKey(a) < kubeKey(b) ? -1 : 1;
}
