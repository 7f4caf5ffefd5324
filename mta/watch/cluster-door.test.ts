import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { openHttp } from '#lib/http/server.ts';
import type { Kube, KubeObject, KubePlace } from '#lib/kube/kube.ts';
import { Fault } from '#lib/run/fault.ts';
import { askAdmin } from './admin-client.ts';
import { openClusterDoor, podToAsk } from './cluster-door.ts';

const TOKEN = 'a-token-of-the-cluster';

const pod = (name: string, component: string, isReady = true, cluster = 'main'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'mail',
    labels: { 'app.kubernetes.io/instance': cluster, 'app.kubernetes.io/component': component },
  },
  status: { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
});

test.each([
  ['a worker', [pod('a', 'ingress'), pod('b', 'worker')], 'b'],
  ['one that is ready', [pod('a', 'worker', false), pod('b', 'ingress')], 'b'],
])('%s is asked', (_, pods, name) => {
  expect(podToAsk(pods, { namespace: 'mail' }).metadata.name).toBe(name);
});

test('whom to ask is told where nobody can be, or several could', () => {
  const two = [pod('a', 'worker'), pod('b', 'worker', true, 'other')];
  expect(() => podToAsk([], { namespace: 'mail' })).toThrow('no pod of an MTACluster is ready in namespace mail');
  expect(() => podToAsk(two, { namespace: 'mail' })).toThrow('name one of main, other with --cluster');
  expect(podToAsk(two, { namespace: 'mail', cluster: 'other' }).metadata.name).toBe('b');
  expect(() => podToAsk(two, { namespace: 'mail', cluster: 'third' })).toThrow('MTACluster third');
});

const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'main-admin-token' } };
const asked: KubePlace[] = [];

function kubeWith(data: object | undefined): Pick<Kube, 'get' | 'list'> {
  return {
    get: async (place) => {
      asked.push(place);
      return data && { ...secret, data };
    },
    list: async () => ({ objects: [pod('main-worker-1', 'worker')], resourceVersion: '1' }),
  };
}

/** A pod's admin API, which lies behind a forwarding to port 8081. */
async function behind(port: number): Promise<(pod: unknown, port: number, socket: Duplex) => Promise<void>> {
  const routes = [
    {
      method: 'GET' as const,
      path: '/v1/live',
      handle: async () => ({ status: 200, contentType: 'application/json', body: '{"ok":1}' }),
    },
  ];
  const server = await openHttp({
    name: 'admin',
    setting: '',
    host: '127.0.0.1',
    port: 0,
    token: async () => TOKEN,
    routes,
  });
  onTestFinished(() => server.close());
  return async (_, to, socket) => {
    expect(to).toBe(port);
    const inner = createConnection(Number(new URL(server.url).port), '127.0.0.1');
    socket.pipe(inner).pipe(socket);
  };
}

const flags = { data: '/nowhere' };
const token = { token: Buffer.from(TOKEN).toString('base64') };

test('the admin API of a pod answers through a forwarded port, with the token of the cluster’s Secret', async () => {
  const door = await openClusterDoor(
    { namespace: 'mail' },
    { kube: kubeWith(token), access: { forward: await behind(8081) } },
  );
  onTestFinished(() => door.close());
  expect(await askAdmin({ ...flags, door }, '/v1/live')).toEqual({ ok: 1 });
  expect(asked.at(-1)).toMatchObject({ namespace: 'mail', name: 'main-admin-token' });
});

test('why a port cannot be forwarded is what the command says', async () => {
  const forward = async (): Promise<void> => {
    throw new Fault('kube-denied', 'port 8081 of pod mail/main-worker-1: it takes a right');
  };
  const door = await openClusterDoor({ namespace: 'mail' }, { kube: kubeWith(token), access: { forward } });
  onTestFinished(() => door.close());
  await expect(askAdmin({ ...flags, door }, '/v1/live')).rejects.toMatchObject({ code: 'kube-denied' });
});

test('without the Secret nobody is asked', async () => {
  const forward = async (): Promise<void> => undefined;
  const opening = openClusterDoor({ namespace: 'mail' }, { kube: kubeWith(undefined), access: { forward } });
  await expect(opening).rejects.toThrow('there is no Secret mail/main-admin-token');
});
