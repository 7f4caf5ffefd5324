import { expect, onTestFinished, test, vi } from 'vitest';
import { sample } from '#crds/sample.ts';
import { FakeCluster } from '#lib/kube/fake-cluster.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { declaredInKubernetes } from './egress-declared.ts';

const member = (name: string, address: string, more: object = {}): object => ({ name, address, ...more });

function pool(name: string, members: readonly object[], accepted = 'True'): KubeObject {
  const status = { conditions: [{ type: 'Accepted', status: accepted }] };
  return { ...sample('IPPool', { members }, { name, namespace: 'mail' }), status } as unknown as KubeObject;
}

function declared() {
  const kube = new FakeCluster();
  const opened = new AsyncDisposableStack();
  onTestFinished(() => opened.disposeAsync());
  const found = declaredInKubernetes({ kube, clock: new FakeClock(), random: systemRandom }, opened);
  return { kube, found };
}

test('addresses are those of accepted pools, neither of one machine nor suspended', async () => {
  const { kube, found } = declared();
  expect(found.trouble()).toContain('has not told yet');
  await vi.waitFor(() => expect(found.trouble()).toBeUndefined());
  kube.set(pool('a', [member('one', '192.0.2.1'), member('two', '192.0.2.2', { egress: 'Local' })]));
  kube.set(pool('b', [member('one', '192.0.2.3', { suspend: true }), member('two', '192.0.2.4')]));
  kube.set(pool('refused', [member('one', '192.0.2.5')], 'False'));
  kube.set(pool('wrong', [member('one', 'no address')]));
  await vi.waitFor(() => expect([...found.addresses()]).toEqual(['192.0.2.1', '192.0.2.4']));
  expect(found.addresses()).toBe(found.addresses());
  kube.set(pool('a', [member('one', '192.0.2.1')], 'False'));
  await vi.waitFor(() => expect([...found.addresses()]).toEqual(['192.0.2.4']));
});
