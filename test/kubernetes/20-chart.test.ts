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
import { WIDE_BINDINGS } from '#operator/workload/readers.ts';
import { mayDo } from '../harness/access-review.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { DEFINITIONS, installDefinitions, readDefinitions } from '../harness/definitions.ts';
import { CHART, Helm, typeOf, valuesFile } from '../harness/helm.ts';
import { MONITORING } from '../harness/monitoring.ts';
import { makeNamespace, OPERATOR, OPERATOR_GROUPS, startOperatorOf } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const MAJORS = [3, 4] as const;
const VALUES = ['minimal', 'everything', 'namespaces', 'given', 'egress'];
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
  plane.startControllerManager();
  // What is only tried makes no namespace for what comes after it.
  for (const name of ['postfleet', 'postfleet-egress', 'mail', 'tenant']) await makeNamespace(kube, name);
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
    expect(named(everywhere, 'ClusterRole', 'postfleet-postfleet-operator')).toMatchObject({
      rules: operatorRules('postfleet-postfleet-operator-pods'),
    });
    expect(named(everywhere, 'Role', 'postfleet-operator-leader')).toMatchObject({ rules: leaderRules() });
    const some = await render(4, 'namespaces');
    const rights = some.filter(({ kind }) => /^(Cluster)?Role/.test(kind));
    expect(rights.map((it) => `${it.kind} ${it.metadata.namespace}`)).toEqual([
      'Role postfleet',
      'Role mail',
      'Role tenant',
      'RoleBinding postfleet',
      'RoleBinding mail',
      'RoleBinding tenant',
    ]);
  });

  test('gives an operator of named namespaces rights in those, and none beside', async () => {
    const rights = (await render(4, 'namespaces')).filter(({ kind }) => kind.startsWith('Role'));
    for (const it of rights) await kube.apply(typeOf(it), it, 'test');
    const account = 'system:serviceaccount:postfleet:post-operator';
    const asked: [verb: string, what: string, namespace: string, may: boolean][] = [
      ['patch', 'sendingdomains/status@postfleet.io', 'mail', true],
      ['create', 'secrets@', 'tenant', true],
      ['create', 'deployments@apps', 'mail', true],
      ['update', 'leases@coordination.k8s.io', 'postfleet', true],
      ['list', 'sendingdomains@postfleet.io', 'postfleet', false],
      ['get', 'secrets@', 'postfleet', false],
      ['get', 'secrets@', 'default', false],
      ['list', 'secrets@', '', false],
      ['list', 'sendingdomains@postfleet.io', '', false],
      ['list', 'namespaces@', '', false],
      ['create', 'events@events.k8s.io', 'default', false],
    ];
    const answers = await Promise.all(
      asked.map(([verb, what, namespace]) => mayDo(kube, account, verb, what, namespace)),
    );
    expect(answers).toEqual(asked.map(([, , , may]) => may));
    for (const it of rights) {
      const { namespace = '', name } = it.metadata;
      await kube.delete({ type: typeOf(it), namespace, name });
    }
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

test('of an operator that is let into named namespaces from now on, nothing of all of them stays', async () => {
  const release = ['postfleet', CHART, '-n', 'postfleet', '--values', valuesFile('minimal')];
  await helm(4).works('install', ...release);
  const own = { type: DEPLOYMENTS, namespace: 'postfleet', name: 'postfleet-operator' };
  const operator = await startOperatorOf(stage, plane, await until('its Deployment', () => kube.get(own)));
  const bound = { type: WIDE_BINDINGS, name: 'postfleet:mail:main' };
  await until('its pods read everywhere', () => kube.get(bound), 60_000);
  await operator.program.stop();
  await helm(4).works('upgrade', ...release, '--set', 'operator.watchNamespaces={mail}');
  await until('its pods do so no more', async () => (await kube.get(bound)) === undefined, 30_000);
  expect((await kube.list(WIDE_BINDINGS, { labelSelector: 'app.kubernetes.io/part-of=postfleet' })).objects).toEqual(
    [],
  );
  await helm(4).works('uninstall', 'postfleet', '-n', 'postfleet');
}, 150_000);

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };

/** Lets somebody be what Kubernetes' own role says, in the namespace `tenant`. */
const beIn = (role: string): Promise<unknown> =>
  kube.apply(
    { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding' },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: role, namespace: 'tenant' },
      roleRef: { apiGroup: RBAC.group, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: RBAC.group, kind: 'User', name: role }],
    },
    'test',
  );

describe('people who may view, edit or administer a namespace', () => {
  const OURS = ['mtaclusters', 'ippools', 'sendingdomains', 'destinationpolicies', 'sendingcredentials', 'eventsinks'];
  const READS = ['get', 'list', 'watch'];
  const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'];

  test('do so with our kinds, and write no status', async () => {
    for (const it of await render(4, 'minimal'))
      if (it.kind === 'ClusterRole') await kube.apply(typeOf(it), it, 'test');
    for (const role of ['view', 'edit', 'admin']) await beIn(role);
    const may = (who: string, verb: string, what: string, namespace = 'tenant'): Promise<boolean> =>
      mayDo(kube, who, verb, what, namespace);
    await until('roles are aggregated', () => may('edit', 'create', 'eventsinks@postfleet.io'), 30_000);
    await until('to view too', () => may('view', 'list', 'eventsinks@postfleet.io'), 30_000);
    await until('to admin too', () => may('admin', 'create', 'eventsinks@postfleet.io'), 30_000);
    const allowed: string[] = [];
    for (const who of ['view', 'edit', 'admin'])
      for (const verb of [...READS, ...WRITES])
        for (const kind of OURS) {
          if (await may(who, verb, `${kind}@postfleet.io`)) allowed.push(`${who} ${verb}`);
          if (verb !== 'get' && (await may(who, verb, `${kind}/status@postfleet.io`)))
            allowed.push(`${who} ${verb} status`);
          if (await may(who, verb, `${kind}@postfleet.io`, 'mail')) allowed.push(`${who} ${verb} elsewhere`);
        }
    const expected = [
      ...READS.map((verb) => `view ${verb}`),
      ...[...READS, ...WRITES].map((verb) => `edit ${verb}`),
      ...[...READS, ...WRITES].map((verb) => `admin ${verb}`),
    ];
    expect(allowed).toEqual(expected.flatMap((it) => OURS.map(() => it)));
    expect(await may('edit', 'update', 'mtaclusters/scale@postfleet.io')).toBe(true);
    expect(await may('view', 'update', 'mtaclusters/scale@postfleet.io')).toBe(false);
  }, 120_000);
});
