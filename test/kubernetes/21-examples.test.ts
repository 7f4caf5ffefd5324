/**
 * The examples for Kubernetes, as people apply them: an API server takes every manifest strictly, and the servers themselves start on the
 * configuration in them and are as durable, or as forgetful, as they have to be.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseYaml } from '#crds/source/yaml.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject, KubeType } from '#lib/kube/kube.ts';
import { declared } from '#lib/run/metrics.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { CERT_MANAGER } from '../harness/cert-manager.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { DEFINITIONS, installDefinitions, readDefinitions } from '../harness/definitions.ts';
import { typeOf } from '../harness/helm.ts';
import { KEDA } from '../harness/keda.ts';
import { makeNamespace } from '../harness/operator.ts';
import { freePorts } from '../harness/ports.ts';
import { openScene } from '../harness/scene.ts';
import { shell } from '../harness/shell.ts';
import { until } from '../harness/until.ts';
import { NATS_SERVER } from '../setup/tools.ts';

const stage = openScene();
const FOLDER = new URL('../../examples/kubernetes/', import.meta.url);
const MANIFESTS = ['./', '../certificates-and-dns/', '../autoscaling/'].flatMap((folder) =>
  readdirSync(new URL(folder, FOLDER))
    .filter((it) => !it.endsWith('-values.yaml'))
    .map((it) => `${folder}${it}`),
);

function objectsOf(file: string): KubeObject[] {
  const { documents, problems } = parseYaml(readFileSync(new URL(file, FOLDER), 'utf8'));
  if (problems.length > 0) throw new Error(`${file}: ${JSON.stringify(problems)}`);
  return documents.map(({ value }) => value as KubeObject);
}

/** The text of a configuration in a ConfigMap. */
function configurationIn(file: string, name: string): string {
  const { data } = objectsOf(file).find(({ kind }) => kind === 'ConfigMap') as KubeObject & { data: object };
  return (data as Readonly<Record<string, string>>)[name] ?? '';
}

/** The image that a manifest runs. */
const imageIn = (file: string): string =>
  /^ +image: (\S+)$/m.exec(readFileSync(new URL(file, FOLDER), 'utf8'))?.[1] ?? '';

let kube: ApiServer;

beforeAll(async () => {
  const plane = await ControlPlane.start(stage);
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  await installDefinitions(kube, [...readDefinitions(), ...CERT_MANAGER]);
  await kube.apply(DEFINITIONS, KEDA, 'test');
  await until(
    'KEDA is served',
    () => isServed({ group: 'keda.sh', version: 'v1alpha1', plural: 'scaledobjects', kind: 'ScaledObject' }),
    30_000,
  );
  await makeNamespace(kube, 'mail');
});
afterAll(() => kube.close());

const isServed = (type: KubeType): Promise<boolean> =>
  kube.list(type).then(
    () => true,
    () => false,
  );

test.each(MANIFESTS)('%s is taken as it is', async (file) => {
  for (const object of objectsOf(file)) {
    const there = { ...object, metadata: { ...object.metadata, namespace: 'mail' } };
    const answer = await kube.apply(typeOf(object), there, 'test', { dryRun: true });
    expect({ [`${object.kind} ${object.metadata.name}`]: answer }).toMatchObject({
      [`${object.kind} ${object.metadata.name}`]: { kind: 'written' },
    });
  }
});

test('autoscalers go by a metric that there is, and scale what the example declares', () => {
  const { name } = declared.gauges.workerSaturation;
  const cluster = objectsOf('mail.yaml').find(({ kind }) => kind === 'MTACluster');
  for (const file of ['hpa.yaml', 'keda.yaml']) {
    const [scaler] = objectsOf(`../autoscaling/${file}`);
    expect(JSON.stringify(scaler?.['spec'])).toContain(name);
    expect(scaler?.['spec']).toMatchObject({
      scaleTargetRef: { apiVersion: cluster?.apiVersion, kind: cluster?.kind, name: cluster?.metadata.name },
    });
  }
});

test('the example’s NATS syncs what it answers, in the version that is tested', async () => {
  const [client = 0, monitor = 0, cluster = 0] = await freePorts(3);
  const folder = stage.folder('nats');
  mkdirSync(join(folder, 'data'));
  const own: Readonly<Record<string, string>> = {
    '0.0.0.0:4222': `127.0.0.1:${client}`,
    '0.0.0.0:8222': `127.0.0.1:${monitor}`,
    '0.0.0.0:6222': `127.0.0.1:${cluster}`,
    '/data': join(folder, 'data'),
  };
  const told = configurationIn('nats.yaml', 'nats.conf');
  const here = told
    .replaceAll(/0\.0\.0\.0:\d+|\/data\b/g, (it) => own[it] ?? it)
    .replace(/routes: \[.*\]/, `routes: ["nats://127.0.0.1:${cluster}"]`);
  writeFileSync(join(folder, 'nats.conf'), here);
  const env = { ...process.env, POD_NAME: 'nats-0' };
  const server = stage.start('nats', NATS_SERVER, ['--config', join(folder, 'nats.conf')], { env });
  const figures = await until('its figures', async () => {
    if (server.exit) throw new Error(server.stderr);
    return fetch(`http://127.0.0.1:${monitor}/varz`).then(
      (it) => it.json() as Promise<{ server_name: string; version: string; jetstream: { config: object } }>,
      () => undefined,
    );
  });
  expect(figures).toMatchObject({ server_name: 'nats-0', jetstream: { config: { sync_always: true } } });
  expect(imageIn('nats.yaml')).toBe(`docker.io/library/nats:${figures.version}`);
  const values = objectsOf('nats-values.yaml')[0] as unknown as { config: { jetstream: { merge: object } } };
  expect(values.config.jetstream.merge).toEqual({ sync_interval: 'always' });
});

test('the example’s Valkey asks for its password and never forgets a limit to make room', async () => {
  const [port = 0] = await freePorts(1);
  const folder = stage.folder('valkey');
  writeFileSync(
    join(folder, 'valkey.conf'),
    configurationIn('valkey.yaml', 'valkey.conf').replace('6379', String(port)),
  );
  const deployment = objectsOf('valkey.yaml').find(({ kind }) => kind === 'Deployment') as unknown as {
    readonly spec: { readonly template: { readonly spec: { readonly containers: [{ readonly args: [string] }] } } };
  };
  const [line] = deployment.spec.template.spec.containers[0].args;
  // Redis, whose commands and configuration Valkey shares.
  const here = line.replace('/etc/valkey', folder).replace('valkey-server', 'redis-server');
  stage.start('valkey', 'sh', ['-c', here], { env: { ...process.env, PASSWORD: 'canary-0815' } });
  const ask = async (password: string): Promise<string> =>
    (await shell(stage, `redis-cli -p ${port} --no-auth-warning ${password} config get maxmemory-policy`)).stdout;
  await until('it answers', async () => (await ask('-a canary-0815')).includes('noeviction'));
  expect(await ask('')).toContain('NOAUTH');
});
