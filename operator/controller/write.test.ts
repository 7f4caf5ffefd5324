import { describe, expect, test } from 'vitest';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { isAsWanted, Keeper } from './write.ts';

const TYPE: KubeType = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap' };
const wanted = (data: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'one', namespace: 'mail', labels: { app: 'mail' } },
  data,
});

/** Keeps what is applied as a server does, with `also` added and numbers in another form. */
function server(also: object = {}) {
  let version = 0;
  const applied: KubeObject[] = [];
  const kube = {
    apply: async (_: KubeType, object: KubeObject) => {
      version += 1;
      const kept = JSON.parse(JSON.stringify(object).replaceAll('1000m', '1')) as KubeObject;
      const metadata = { ...kept.metadata, uid: 'u', resourceVersion: `${version}` };
      const result: KubeObject = { ...also, ...kept, metadata };
      applied.push(result);
      return { kind: 'written', object: result } as const;
    },
  };
  return { kube, applied, last: () => applied.at(-1) };
}

describe('an object that is kept', () => {
  test('is made when it is not there, and left alone after that, by every process', async () => {
    const { kube, applied, last } = server({ status: { ready: 1 } });
    const one = new Keeper(kube);
    expect(await one.keep({ type: TYPE, object: wanted({ a: '1' }) }, undefined)).toMatchObject({ kind: 'written' });
    for (const keeper of [one, new Keeper(kube)])
      expect(await keeper.keep({ type: TYPE, object: wanted({ a: '1' }) }, last())).toEqual({ kind: 'same' });
    expect(applied).toHaveLength(1);
  });

  test('is written only over the state that was read when it is fenced', async () => {
    const { kube, applied, last } = server();
    const keeper = new Keeper(kube);
    await keeper.keep({ type: TYPE, object: wanted({ a: '1' }) }, undefined, true);
    const asked: unknown[] = [];
    const noting = new Keeper({
      apply: async (type, object) => {
        asked.push(object.metadata.resourceVersion);
        return kube.apply(type, object);
      },
    });
    await noting.keep({ type: TYPE, object: wanted({ a: '2' }) }, last(), true);
    await noting.keep({ type: TYPE, object: wanted({ a: '3' }) }, last());
    expect([applied.length, asked]).toEqual([3, ['1', undefined]]);
    expect(await noting.keep({ type: TYPE, object: wanted({ a: '3' }) }, last(), true)).toEqual({ kind: 'same' });
  });

  test('is written when somebody has changed it, or a field is said no more', async () => {
    const { kube, applied, last } = server();
    const keeper = new Keeper(kube);
    await keeper.keep({ type: TYPE, object: wanted({ a: '1', b: '2' }) }, undefined);
    const meddled = { ...last(), data: { a: '9', b: '2' } } as KubeObject;
    const later = { ...meddled, metadata: { ...meddled.metadata, resourceVersion: '2' } };
    await keeper.keep({ type: TYPE, object: wanted({ a: '1', b: '2' }) }, later);
    await keeper.keep({ type: TYPE, object: wanted({ a: '1' }) }, last());
    expect(applied).toHaveLength(3);
  });

  test('is left alone when the server only writes the same in another way', async () => {
    const { kube, applied, last } = server();
    const keeper = new Keeper(kube);
    await keeper.keep({ type: TYPE, object: wanted({ cpu: '1000m' }) }, undefined);
    await keeper.keep({ type: TYPE, object: wanted({ cpu: '1000m' }) }, last());
    expect(applied).toHaveLength(1);
  });
});

test.each<[wanted: unknown, observed: unknown, is: boolean]>([
  [{ a: 1 }, { a: 1, b: 2 }, true],
  [{ a: 1 }, { b: 2 }, false],
  [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2, d: 3 }] } }, true],
  [{ a: [1] }, { a: [1, 2] }, false],
  [{ a: [] }, {}, false],
  [{ a: {} }, {}, true],
  [{ a: null }, { a: null }, true],
])('%j is wanted, and %j is as wanted: %s', (one, other, is) => {
  expect(isAsWanted(one, other)).toBe(is);
});
