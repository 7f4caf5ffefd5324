/**
 * The chart, by Helm 3 and 4 and a real API server: what it renders is taken as it is, what it asks for is said, and an operator
 * that is let in as its account, with its arguments, does its work. What was declared outlives the release.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { leaderRules, operatorRules } from '#operator/rights.ts';
import { DEPLOYMENTS } from '#operator/types.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { DEFINITIONS, installDefinitions, readDefinitions } from '../harness/definitions.ts';
import { CHART, Helm, typeOf, valuesFile } from '../harness/helm.ts';
import { MONITORING } from '../harness/monitoring.ts';
import { makeNamespace, OPERATOR, OPERATOR_GROUPS, startOperatorOf } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const MAJORS = [3, 4] as const;
const VALUES = ['minimal', 'everything', 'namespaces', 'given'];
const everyWay = MAJORS.flatMap((major) => VALUES.map((values) => [major, values] as const));

let plane: ControlPlane;
let kube: ApiServer;
const helm = (major: 3 | 4): Helm => new Helm(stage, major, plane);

const rendered = new Map<string, Promise<KubeObject[]>>();
/** Once each. */
function render(major: 3 | 4, values: string): Promise<KubeObject[]> {
  const name = `${major} ${values}`;
  const objects = rendered.get(name) ?? helm(major).render(valuesFile(values));
  rendered.set(name, objects);
  return objects;
}

beforeAll(async () => {
  plane = await ControlPlane.start(stage, { users: { [OPERATOR]: { groups: OPERATOR_GROUPS } } });
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  for (const name of ['postfleet', 'mail', 'tenant']) await makeNamespace(kube, name);
  for (const definition of MONITORING) {
    const { kind } = await kube.apply(DEFINITIONS, definition, 'test');
    if (kind !== 'written') throw new Error(`${definition.metadata.name}: ${kind}`);
    await until('it is served', () => isServed(definition['spec'] as Definition), 30_000);
  }
});
afterAll(() => kube.close());

interface Definition {
  readonly group: string;
  readonly names: { readonly kind: string; readonly plural: string };
}

const isServed = ({ group, names: { kind, plural } }: Definition): Promise<boolean> =>
  kube.list({ group, version: 'v1', plural, kind }).then(
    () => true,
    () => false,
  );

const named = (objects: readonly KubeObject[], kind: string, name: string): KubeObject | undefined =>
  objects.find((it) => it.kind === kind && it.metadata.name === name);

describe('what it renders', () => {
  test.each(everyWay)('by Helm %i with the %s values is linted and taken, strictly', async (major, values) => {
    const file = valuesFile(values);
    await helm(major).works('lint', '--strict', CHART, '--values', file);
    const objects = await render(major, values);
    const refused: unknown[] = [];
    for (const object of objects) {
      const answer = await kube.apply(typeOf(object), object, 'test', { dryRun: true });
      if (answer.kind !== 'written') refused.push({ [`${object.kind} ${object.metadata.name}`]: answer });
    }
    expect(refused).toEqual([]);
    const names = objects.map((it) => `${it.kind} ${it.metadata.namespace}/${it.metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('is the same by both', async () => {
    for (const values of VALUES) expect(await render(4, values)).toEqual(await render(3, values));
  });

  test('gives the operator the rights it renders itself, everywhere or in the namespaces that are named', async () => {
    const everywhere = await render(4, 'minimal');
    expect(named(everywhere, 'ClusterRole', 'postfleet-postfleet-operator')).toMatchObject({ rules: operatorRules() });
    expect(named(everywhere, 'Role', 'postfleet-operator-leader')).toMatchObject({ rules: leaderRules() });
    const some = await render(4, 'namespaces');
    const bindings = some.filter((it) => it.kind.endsWith('Binding'));
    expect(bindings.map((it) => `${it.kind} ${it.metadata.namespace}`)).toEqual([
      'RoleBinding postfleet',
      'RoleBinding mail',
      'RoleBinding tenant',
    ]);
  });

  test('has the definitions as they are, to be kept', async () => {
    const objects = await render(4, 'minimal');
    for (const { metadata, spec } of readDefinitions())
      expect(named(objects, 'CustomResourceDefinition', metadata.name)).toMatchObject({
        metadata: { annotations: { 'helm.sh/resource-policy': 'keep' } },
        spec,
      });
  });
});

describe('what is missing or wrong is said', () => {
  test.each<[3 | 4, string[], RegExp]>([
    [3, ['--set', 'operator.hostname=mx.example.com'], /image\.repository: say where the image of Postfleet is/],
    [3, ['--values', valuesFile('minimal'), '--set', 'operator.replica=3'], /replica/],
    [4, ['--set', 'operator.hostname=mx.example.com'], /image\.repository: say where the image of Postfleet is/],
    [4, ['--set', 'image.repository=a.example/b'], /operator\.hostname: say the public name/],
    [4, ['--values', valuesFile('minimal'), '--set', 'operator.replica=3'], /replica/],
    [4, ['--values', valuesFile('minimal'), '--set', 'operator.replicas=many'], /operator.replicas.*integer/s],
    [4, ['--values', valuesFile('minimal'), '--set', 'nats.enabled=true'], /nats/],
    [4, ['--values', valuesFile('minimal'), '--set', 'serviceAccount.create=false'], /serviceAccount\.name/],
  ])('by Helm %i: %j', async (major, args, says) => {
    const { code, stderr } = await helm(major).run('template', 'x', CHART, '--kube-version', '1.34.4', ...args);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(says);
  });
});

const cluster: KubeObject = {
  apiVersion: 'postfleet.io/v1alpha1',
  kind: 'MTACluster',
  metadata: { name: 'main', namespace: 'mail' },
  spec: { queue: { nats: { servers: ['nats://nats:4222'] } } },
};
const place = { type: typeOfKind('MTACluster'), namespace: 'mail', name: 'main' };

describe.each(MAJORS)('a release of Helm %i', (major) => {
  test('is installed, and its operator works with the rights and arguments it is given', async () => {
    await helm(major).works('install', 'postfleet', CHART, '-n', 'postfleet', '--values', valuesFile('minimal'));
    await installDefinitions(kube, []);
    const own = { type: DEPLOYMENTS, namespace: 'postfleet', name: 'postfleet-operator' };
    const deployment = await until('its Deployment', () => kube.get(own));
    const operator = await startOperatorOf(stage, plane, deployment);
    expect(await kube.apply(place.type, cluster, 'test')).toMatchObject({ kind: 'written' });
    const worker = { type: DEPLOYMENTS, namespace: 'mail', name: 'main-worker' };
    const made = await until('the worker’s Deployment', () => kube.get(worker), 60_000);
    const { template } = made['spec'] as { template: { spec: { containers: { image: string }[] } } };
    expect(template.spec.containers.map(({ image }) => image)).toEqual(['registry.example.com/postfleet:0.1.0']);
    await operator.program.stop();
  });

  test('is upgraded to have everything, and removed; what was declared stays', async () => {
    await helm(major).works('upgrade', 'postfleet', CHART, '-n', 'postfleet', '--values', valuesFile('everything'));
    const rule = { group: 'monitoring.coreos.com', version: 'v1', plural: 'prometheusrules', kind: 'PrometheusRule' };
    expect((await kube.list(rule)).objects).toHaveLength(1);
    await helm(major).works('uninstall', 'postfleet', '-n', 'postfleet');
    expect((await kube.list(rule)).objects).toEqual([]);
    expect(await kube.get(place)).toMatchObject({ spec: cluster['spec'] });
    expect(await kube.get({ type: DEPLOYMENTS, namespace: 'mail', name: 'main-worker' })).toBeDefined();
  });
});
