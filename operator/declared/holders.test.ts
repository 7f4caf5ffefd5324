import { expect, test } from 'vitest';
import { egressText, REPORTS_EGRESS } from '#lib/egress/report.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { holdersIn } from './holders.ts';

const NAMESPACE = 'egress';
const NODES: Readonly<Record<string, string>> = { a: '10.0.0.1', b: '10.0.0.2', six: 'fd00::1' };

function pod(node: string, isReady = true, more: object = {}): KubeObject {
  const metadata = { namespace: NAMESPACE, name: `egress-${node}`, ...more };
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  const status = { hostIP: NODES[node], conditions };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: node }, status };
}

function lease(
  node: string,
  addresses: readonly string[],
  more: { readonly text?: string; readonly at?: string } = {},
) {
  const { text = egressText({ port: 1080, isSecure: false, addresses }), at = NAMESPACE } = more;
  const annotations = { 'postfleet.io/egress': text };
  const metadata = { namespace: at, name: `egress-${node}`, labels: REPORTS_EGRESS, annotations };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata } as KubeObject;
}

const ADDRESS = '192.0.2.1';
const held = (pods: readonly KubeObject[], leases: readonly KubeObject[]): unknown =>
  holdersIn(NAMESPACE, pods, leases).get(ADDRESS);

test('an address is with the node whose pod reports it, at the node’s own address', () => {
  expect(held([pod('a')], [lease('a', [ADDRESS])])).toEqual([{ node: 'a', endpoint: 'socks5://10.0.0.1:1080' }]);
  expect(held([pod('six')], [lease('six', [ADDRESS])])).toEqual([{ node: 'six', endpoint: 'socks5://[fd00::1]:1080' }]);
  const text = egressText({ port: 9, isSecure: true, addresses: [ADDRESS] });
  expect(held([pod('a')], [lease('a', [], { text })])).toEqual([{ node: 'a', endpoint: 'socks5s://10.0.0.1:9' }]);
});

test('of several nodes all are told, by their names', () => {
  const both = held([pod('b'), pod('a')], [lease('b', [ADDRESS]), lease('a', [ADDRESS])]);
  expect(both).toMatchObject([{ node: 'a' }, { node: 'b' }]);
});

test.each([
  ['of a pod that is not ready', [pod('a', false)], [lease('a', [ADDRESS])]],
  ['of a pod that ends', [pod('a', true, { deletionTimestamp: 'now' })], [lease('a', [ADDRESS])]],
  ['of a pod that is gone', [], [lease('a', [ADDRESS])]],
  ['of another namespace', [pod('a')], [lease('a', [ADDRESS], { at: 'tenant' })]],
  ['that cannot be read', [pod('a')], [lease('a', [], { text: '{"port":"1080","addresses":1}' })]],
  ['that is no report', [pod('a')], [lease('a', [], { text: 'what' })]],
])('a report %s says nothing', (_, pods, leases) => {
  expect(held(pods, leases)).toBeUndefined();
});
