import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const NAMESPACES: KubeType = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace' };
const CONFIG_MAPS: KubeType = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap' };
const DEPLOYMENTS: KubeType = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' };
const PODS: KubeType = { group: '', version: 'v1', plural: 'pods', kind: 'Pod' };

let plane: ControlPlane;
let kube: ApiServer;

beforeAll(async () => {
  plane = await ControlPlane.start(stage, { users: { nobody: { groups: [] } } });
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
});
afterAll(() => kube.close());

const configMap = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

describe('an API server of our own', () => {
  it('holds objects, also when it is killed and started again', async () => {
    expect(await kube.create(CONFIG_MAPS, configMap('kept', { a: '1' }))).toMatchObject({ kind: 'written' });
    await plane.killApiServer();
    await expect(kube.get({ type: CONFIG_MAPS, namespace: 'default', name: 'kept' })).rejects.toMatchObject({
      code: 'kube-unreachable',
    });
    await plane.startApiServer();
    expect(await kube.get({ type: CONFIG_MAPS, namespace: 'default', name: 'kept' })).toMatchObject({
      data: { a: '1' },
    });
  });

  it('lets in by token, and nobody without rights', async () => {
    const nobody = new ApiServer(plane.access('nobody'), systemClock, systemRandom);
    await expect(nobody.list(CONFIG_MAPS)).rejects.toMatchObject({ code: 'kube-denied' });
    const stranger = new ApiServer(plane.access('stranger'), systemClock, systemRandom);
    await expect(stranger.list(CONFIG_MAPS)).rejects.toMatchObject({ code: 'kube-denied' });
  });
});

describe('its controller manager', () => {
  it('makes pods of Deployments, takes away what belonged to something, and ends namespaces', async () => {
    plane.startControllerManager();
    await kube.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'short' } });
    const deployment = await kube.apply(DEPLOYMENTS, sleeper, 'test');
    expect(deployment.kind).toBe('written');
    const pods = async (): Promise<number> => (await kube.list(PODS, { namespace: 'short' })).objects.length;
    await until('two pods', async () => (await pods()) === 2, 30_000);
    await kube.delete({ type: DEPLOYMENTS, namespace: 'short', name: 'sleeper' });
    await until('no pods', async () => (await pods()) === 0, 30_000);
    await kube.delete({ type: NAMESPACES, name: 'short' });
    await until('no namespace', async () => !(await kube.get({ type: NAMESPACES, name: 'short' })), 30_000);
  });
});

const labels = { app: 'sleeper' };
const sleeper: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'sleeper', namespace: 'short' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'one', image: 'none.example/none:1' }] } },
  },
};
