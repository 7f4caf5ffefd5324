import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { openFolder } from './folder.ts';
import type { Resources } from './resources.ts';

async function example(name: string): Promise<Resources> {
  const source = await openFolder(fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)), new FakeClock());
  await source.close();
  return source.current();
}

/** Every leaf of a value by its path. */
function* leaves(value: unknown, path: string): Generator<[string, unknown]> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) yield [path, value];
  for (const [step, inner] of entries) yield* leaves(inner, `${path}.${step}`);
}

const leavesOf = ({ clusters, pools, domains, policies, credentials }: Resources): Map<string, unknown> =>
  new Map(
    [...clusters, ...pools, ...domains, ...policies, ...credentials].flatMap((one) =>
      Array.from(leaves(one, one.kind)),
    ),
  );

/** Paths at which two worlds differ, with both values. */
function differences(one: Resources, other: Resources): Record<string, [unknown, unknown]> {
  const [a, b] = [leavesOf(one), leavesOf(other)];
  const paths = [...new Set([...a.keys(), ...b.keys()])];
  const different = paths.filter((path) => JSON.stringify(a.get(path)) !== JSON.stringify(b.get(path)));
  return Object.fromEntries(different.map((path) => [path, [a.get(path), b.get(path)]]));
}

describe('the example folders', () => {
  it.each(['standalone', 'bench'])('%s is a whole world with one resource of each kind', async (name) => {
    const world = await example(name);
    const counts = [world.clusters, world.pools, world.domains, world.policies, world.credentials].map(
      ({ length }) => length,
    );
    expect(counts).toEqual([1, 1, 1, 1, 1]);
  });

  it('differ in trust, key, route and the receiver, and in nothing else', async () => {
    expect(differences(await example('standalone'), await example('bench'))).toEqual({
      'MTACluster.metadata.annotations': [undefined, {}],
      'MTACluster.metadata.annotations.postfleet.io/receiver': ['127.0.0.1:2626', undefined],
      'SendingDomain.spec.dkim.algorithms.1': ['Ed25519', undefined],
      'DestinationPolicy.spec.match.domains.0': ['*.test', undefined],
      'DestinationPolicy.spec.match.all': [undefined, {}],
      'SendingCredential.spec.networks': [[], undefined],
      'SendingCredential.spec.networks.0': [undefined, '127.0.0.0/8'],
    });
  });
});
