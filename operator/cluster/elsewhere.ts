/**
 * Roles and bindings outside of the namespace of the cluster whose pods they are for: what of them there is.
 */
import { BINDINGS, ROLES } from '../types.ts';
import type { Child } from '../workload/child.ts';
import { readsFor, WIDE_BINDINGS } from '../workload/readers.ts';
import type { World } from '../world.ts';

/** `namespace/name` of each cluster that there are any for, whether it is there still or not. */
export const clustersElsewhere = (world: World): string[] => [
  ...new Set(rights(world).flatMap(({ object }) => readsFor(object) ?? [])),
];

export const elsewhereFor = (world: World, key: string): Child[] =>
  rights(world).filter(({ object }) => readsFor(object) === key);

const rights = (world: World): Child[] =>
  [ROLES, BINDINGS, WIDE_BINDINGS].flatMap((type) => world.objects(type).map((object) => ({ type, object })));
