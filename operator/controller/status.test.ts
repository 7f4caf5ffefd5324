import { expect, test } from 'vitest';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { conditionsOf, keepStatus, type Status } from './status.ts';

const TYPE: KubeType = { group: 'postfleet.io', version: 'v1alpha1', plural: 'ippools', kind: 'IPPool' };
const STATUS: Status = { observedGeneration: 2, conditions: [], until: undefined, members: [{ name: 'one' }] };

test('a status is written over what was judged, and not again', async () => {
  const written: KubeObject[] = [];
  const kube = {
    applyStatus: async (_: KubeType, object: KubeObject) => {
      written.push(object);
      return { kind: 'written', object } as const;
    },
  };
  const metadata = { name: 'one', namespace: 'mail', uid: 'u', resourceVersion: '7', labels: { a: 'b' } };
  const observed = { apiVersion: 'postfleet.io/v1alpha1', kind: 'IPPool', metadata, spec: {} };
  await keepStatus(kube, TYPE, observed, STATUS);
  const said = { observedGeneration: 2, conditions: [], members: [{ name: 'one' }] };
  expect(written).toEqual([
    {
      apiVersion: 'postfleet.io/v1alpha1',
      kind: 'IPPool',
      metadata: { name: 'one', namespace: 'mail', uid: 'u', resourceVersion: '7' },
      status: said,
    },
  ]);
  expect(await keepStatus(kube, TYPE, { ...observed, status: said }, STATUS)).toEqual({ kind: 'same' });
  expect([written.length, conditionsOf(observed), conditionsOf({ ...observed, status: said })]).toEqual([1, [], []]);
});
