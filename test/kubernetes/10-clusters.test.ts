import { typeOfKind } from '#crds/definition.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseYaml } from '#crds/source/yaml.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { conditionsOf } from '#operator/controller/status.ts';
import { CHILDREN, DEPLOYMENTS, SERVICES } from '#operator/types.ts';
import { WIDE_BINDINGS } from '#operator/workload/readers.ts';
import { AuditLog, writeLine } from '../harness/audit-log.ts';
import { Operated } from '../harness/operated.ts';
import { IMAGE, OPERATOR, type OperatorProcess, startOperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const CLUSTERS = typeOfKind('MTACluster');
const MANAGED = 'app.kubernetes.io/managed-by=postfleet-operator';
const budgetType: KubeType = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
};

let site: Operated;
let leader: OperatorProcess;

const audit = new AuditLog(stage);

beforeAll(async () => {
  site = await Operated.start(stage, audit.flags);
});
afterAll(() => site.close());

/** What the operator has written, a line each: `patch deployments main-worker`. */
const writes = (): string[] => audit.writes.filter(({ user }) => user === OPERATOR).map(writeLine);

const cluster = (namespace: string, spec: object = {}, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'postfleet.io/v1alpha1',
  kind: 'MTACluster',
  metadata: { name: 'main', namespace, annotations },
  spec: {
    queue: { nats: { servers: ['nats://nats:4222'] } },
    ingress: { listeners: [{ name: 'submission', protocol: 'SMTP', port: 587 }] },
    ...spec,
  },
});

const apply = (object: KubeObject): Promise<void> => site.apply(CLUSTERS, object);

const deployment = (namespace: string, name: string): Promise<KubeObject | undefined> =>
  site.kube.get({ type: DEPLOYMENTS, namespace, name });

const conditions = (namespace: string): Promise<string[]> => site.conditions('MTACluster', `${namespace}/main`);

const settled = async (): Promise<void> => {
  let before = -1;
  await until(
    'nothing more is written',
    async () => {
      const now = writes().length;
      const isQuiet = now === before;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return isQuiet;
    },
    60_000,
  );
};

/** As the controller manager would say it when all pods run. */
async function rollOut(namespace: string, name: string): Promise<void> {
  const found = await deployment(namespace, name);
  const { replicas = 0 } = (found?.['spec'] ?? {}) as { replicas?: number };
  const counts = { replicas, updatedReplicas: replicas, availableReplicas: replicas, readyReplicas: replicas };
  const status = { ...counts, observedGeneration: found?.metadata.generation };
  const metadata = { name, namespace };
  await site.kube.applyStatus(DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, status }, 'test');
}

const imageOf = (found: KubeObject | undefined): string => /"image":"([^"]*)"/.exec(JSON.stringify(found))?.[1] ?? '';

test('what is in the golden files is taken by a real server, field by field', async () => {
  await site.namespace('mail');
  const folder = new URL('../../operator/workload/golden/', import.meta.url);
  for (const file of readdirSync(folder)) {
    const { documents } = parseYaml(readFileSync(new URL(file, folder), 'utf8'));
    for (const { value } of documents) {
      const object = value as KubeObject;
      const type = [...CHILDREN, WIDE_BINDINGS].find(({ kind }) => kind === object.kind);
      const written = type && (await site.kube.apply(type, object, 'test', { dryRun: true }));
      expect([file, object.metadata.name, written]).toMatchObject([file, object.metadata.name, { kind: 'written' }]);
    }
  }
});

describe('an operator', () => {
  test('makes of an MTACluster what it says, with the rights it is given and no more', async () => {
    leader = await startOperatorProcess(stage, site.plane);
    await site.namespace('one');
    await apply(cluster('one'));
    await until('its status', async () => (await conditions('one')).includes('Ready=False RollingOut'), 30_000);
    const made = await Promise.all(
      CHILDREN.map(
        async (type) => (await site.kube.list(type, { namespace: 'one', labelSelector: MANAGED })).objects.length,
      ),
    );
    expect(Object.fromEntries(CHILDREN.map(({ kind }, at) => [kind, made[at]]))).toEqual({
      ServiceAccount: 2,
      Role: 2,
      RoleBinding: 2,
      NetworkPolicy: 3,
      PodDisruptionBudget: 2,
      Service: 1,
      Deployment: 2,
    });
    expect(await conditions('one')).toContain('Reconciling=True RollingOut');
  });

  test('says that it is ready when all pods are, and for whom to scale', async () => {
    await rollOut('one', 'main-worker');
    await rollOut('one', 'main-ingress');
    await until('it is ready', async () => (await conditions('one')).includes('Ready=True Ready'));
    expect(await conditions('one')).toEqual([
      'Ready=True Ready',
      'IngressReady=True AllReady',
      'WorkersReady=True AllReady',
      'QueueDurable=Unknown NoPods',
      'KeyringCurrent=Unknown NoPods',
    ]);
    const found = await site.kube.get({ type: CLUSTERS, namespace: 'one', name: 'main' });
    expect(found?.['status']).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      selector: 'app.kubernetes.io/name=postfleet,app.kubernetes.io/instance=main,app.kubernetes.io/component=worker',
      ingress: { readyReplicas: 2, addresses: [expect.stringMatching(/^10\./)] },
    });
  });

  test('follows what is declared, and takes away what is declared no more', async () => {
    await apply(cluster('one', { workers: { replicas: 1 } }));
    await until('one worker', async () =>
      JSON.stringify(await deployment('one', 'main-worker')).includes('"replicas":1'),
    );
    const budgets = { type: budgetType, namespace: 'one', name: 'main-worker' };
    await until('no budget', async () => (await site.kube.get(budgets)) === undefined);
    expect(await site.kube.get({ ...budgets, name: 'main-ingress' })).toBeDefined();
  });

  test('undoes what others do to what it made', async () => {
    const service = { type: SERVICES, namespace: 'one', name: 'main-ingress' };
    await site.kube.delete(service);
    await until('the Service is there again', async () => (await site.kube.get(service)) !== undefined);
    const found = await deployment('one', 'main-worker');
    const meddled = structuredClone(found) as unknown as { spec: { replicas: number } };
    meddled.spec.replicas = 9;
    await site.kube.replace(DEPLOYMENTS, meddled as unknown as KubeObject);
    await until('one worker again', async () =>
      JSON.stringify(await deployment('one', 'main-worker')).includes('"replicas":1'),
    );
    expect(await conditions('one')).not.toContain('Stalled=True Refused');
  });

  test('writes nothing while nothing changes, nor when it is started again', async () => {
    await settled();
    const before = writes().length;
    const again = await startOperatorProcess(stage, site.plane);
    await again.program.stop();
    await settled();
    expect(writes().slice(before)).toEqual([]);
  });

  test('touches nothing of a resource that is paused', async () => {
    await site.namespace('paused');
    await apply(cluster('paused', {}, { 'postfleet.io/paused': 'true' }));
    await settled();
    expect(writes().filter((it) => it.includes('paused'))).toEqual([]);
    expect(await deployment('paused', 'main-worker')).toBeUndefined();
    await apply(cluster('paused'));
    await until('it is made', async () => (await deployment('paused', 'main-worker')) !== undefined);
  });

  test.each<[namespace: string, spec: object, says: RegExp]>([
    ['without-queue', { queue: {} }, /spec.queue.nats is missing/],
    [
      'refused',
      { workers: { pods: { resources: { limits: { cpu: 'much' } } } } },
      /Deployment main-worker is refused: .*quantit/,
    ],
  ])('says of one that cannot be built what is wrong: %s', async (namespace, spec, says) => {
    await site.namespace(namespace);
    await apply(cluster(namespace, spec));
    const message = async (): Promise<string> => {
      const found = await site.kube.get({ type: CLUSTERS, namespace, name: 'main' });
      return (found ? conditionsOf(found) : []).find(({ type }) => type === 'Stalled')?.message ?? '';
    };
    await until('it says so', async () => says.test(await message()), 30_000);
    expect(await conditions(namespace)).not.toContain('Reconciling=True RollingOut');
  });

  test('takes over nothing that somebody else has made', async () => {
    await site.namespace('taken');
    const metadata = { name: 'main-ingress', namespace: 'taken' };
    const theirs = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 1 }] } };
    await site.kube.create(SERVICES, theirs);
    await apply(cluster('taken'));
    await until('it says so', async () => (await conditions('taken')).includes('Stalled=True Refused'));
    const found = await site.kube.get({ type: SERVICES, namespace: 'taken', name: 'main-ingress' });
    expect(found?.metadata.labels).toBeUndefined();
  });
});

test('workers get a new image before ingress does, and another leads when the leader is killed', async () => {
  await rollOut('one', 'main-worker');
  await leader.program.kill();
  const next = IMAGE.replace('1.0.0', '1.1.0');
  await startOperatorProcess(stage, site.plane, { image: next });
  await until('the next leads', async () => imageOf(await deployment('one', 'main-worker')) === next, 40_000);
  await settled();
  expect(imageOf(await deployment('one', 'main-ingress'))).toBe(IMAGE);
  await rollOut('one', 'main-worker');
  await until('ingress follows', async () => imageOf(await deployment('one', 'main-ingress')) === next);
});
