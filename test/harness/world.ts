/**
 * A declared world of a few documents, read as a folder of them would be.
 */
import { sample } from '#crds/sample.ts';
import { load } from '#crds/source/load.ts';
import type { Resources } from '#crds/source/resources.ts';
import { problemLine } from '#crds/source/source.ts';

const ALL = { namespaces: { from: 'All' } };
const POOL = sample('IPPool', ALL);

/** A cluster and a pool for every namespace, and what is given. Throws what is wrong with it. */
export const worldOf = (...documents: readonly object[]): Resources => worldWith({}, ...documents);

/** The same; `cluster` is what the spec of the cluster says. */
export function worldWith(cluster: object, ...documents: readonly object[]): Resources {
  const all = [sample('MTACluster', { ...ALL, ...cluster }), POOL, ...documents];
  const text = all.map((it) => JSON.stringify(it)).join('\n---\n');
  const loaded = load([{ name: 'world.yaml', text }]);
  if (loaded.kind === 'refused') throw new Error(loaded.problems.map(problemLine).join('\n'));
  return loaded.resources;
}
