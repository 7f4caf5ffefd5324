/**
 * From nothing, in the order in which people do it: a node of this machine's own, and what runs on it.
 */
import { Resolver } from 'node:dns/promises';
import { beforeAll, expect, test } from 'vitest';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { API_ADDRESS, DNS_ADDRESS } from './node/machine.ts';
import { Node } from './node/node.ts';
import { PAUSE_IMAGE } from './run/images.ts';

const stage = openScene();
let node: Node;

beforeAll(async () => {
  node = await Node.start(stage, ['test']);
}, 300_000);

test('a pod runs, with a right to nothing', async () => {
  const isolated = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true };
  await node.kubectl.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'first' },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'pause', image: PAUSE_IMAGE, securityContext: isolated }],
    },
  });
  expect(await node.kubectl.works('wait', '--for=condition=Ready', 'pod/first', '--timeout=60s')).toContain('met');
  await node.kubectl.works('delete', 'pod/first', '--timeout=60s');
});

test('names of Services are answered at the address that pods are told', async () => {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([DNS_ADDRESS]);
  const asked = (): Promise<string[]> => resolver.resolve4('kubernetes.default.svc.cluster.local').catch(() => []);
  expect(await until('it is answered', async () => (await asked())[0])).toBe(API_ADDRESS);
});
