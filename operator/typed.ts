/**
 * Objects as the resources they are: validated once for each state that was read.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { AnyResource, Kind } from '#crds/kinds.ts';
import { validate } from '#crds/validate.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import type { Targets } from './domain/pool.ts';
import type { World } from './world.ts';

const known = new WeakMap<KubeObject, AnyResource | 'invalid'>();

type OfKind<K extends Kind> = Extract<AnyResource, { readonly kind: K }>;

/** Undefined when there is none, or it is not valid. */
export function resourceIn<K extends Kind>(object: KubeObject | undefined, kind: K): OfKind<K> | undefined {
  if (!object) return undefined;
  const before = known.get(object) ?? judge(object);
  known.set(object, before);
  return before !== 'invalid' && before.kind === kind ? (before as OfKind<K>) : undefined;
}

function judge(object: KubeObject): AnyResource | 'invalid' {
  const validated = validate(object);
  return validated.kind === 'valid' ? validated.resource : 'invalid';
}

export const targetsOf = (world: World): Targets => ({
  pool: (key) => resourceIn(world.object(typeOfKind('IPPool'), key), 'IPPool'),
  cluster: (key) => resourceIn(world.object(typeOfKind('MTACluster'), key), 'MTACluster'),
});
