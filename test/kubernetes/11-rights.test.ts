/**
 * Who may do what, asked of a real API server: the operator's account, and the accounts it makes for its pods.
 */
import { typeOfKind } from '#crds/definition.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiServer } from '#lib/kube/api-server.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { DEPLOYMENTS } from '#operator/types.ts';
import { WIDE_BINDINGS } from '#operator/workload/readers.ts';
import { mayDo } from '../harness/access-review.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { installDefinitions } from '../harness/definitions.ts';
import { grantOperator, makeNamespace, OPERATOR, OPERATOR_GROUPS, startOperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
let plane: ControlPlane;
let kube: ApiServer;

beforeAll(async () => {
  plane = await ControlPlane.start(stage, { users: { [OPERATOR]: { groups: OPERATOR_GROUPS } } });
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  await installDefinitions(kube);
  await grantOperator(kube);
  await Promise.all(['mail', 'few', 'shop'].map((it) => makeNamespace(kube, it)));
});
afterAll(() => kube.close());

/** Resolves when its pods could be let in. */
async function declareCluster(namespace: string): Promise<void> {
  const spec = { queue: { nats: { servers: ['nats://nats:4222'] } } };
  const object = {
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'MTACluster',
    metadata: { name: 'main', namespace },
    spec,
  };
  await kube.apply(typeOfKind('MTACluster'), object, 'test');
  const place = { type: DEPLOYMENTS, namespace, name: 'main-ingress' };
  await until('the pods have accounts', async () => (await kube.get(place)) !== undefined, 30_000);
}

const WORKER = 'system:serviceaccount:mail:main-worker';
const INGRESS = 'system:serviceaccount:mail:main-ingress';
/** Of a cluster whose operator was given two namespaces. */
const FEW = 'system:serviceaccount:few:main-worker';

type Row = readonly [who: string, verbs: string, what: string, namespace: string, may: boolean];

/** What the server answers of each verb, and what it should. */
async function answersTo([who, verbs, what, namespace, may]: Row): Promise<{ is: boolean[]; shall: boolean[] }> {
  const all = verbs.split(' ');
  return {
    is: await Promise.all(all.map((verb) => mayDo(kube, who, verb, what, namespace))),
    shall: all.map(() => may),
  };
}

describe('with an operator of two namespaces', () => {
  beforeAll(async () => {
    const operator = await startOperatorProcess(stage, plane, { flags: ['--watch-namespaces', 'few,shop'] });
    await declareCluster('few');
    await operator.program.stop();
  });
  // No test of the other operator finds it.
  afterAll(async () => {
    await kube.delete({ type: typeOfKind('MTACluster'), namespace: 'few', name: 'main' });
  });

  test.each<Row>([
    [FEW, 'get list watch', 'sendingdomains@postfleet.io', 'few', true],
    [FEW, 'get list watch', 'sendingdomains@postfleet.io', 'shop', true],
    [FEW, 'create update patch delete', 'sendingdomains@postfleet.io', 'shop', false],
    [FEW, 'get list watch', 'secrets@', 'shop', false],
    [FEW, 'get list', 'sendingdomains@postfleet.io', 'mail', false],
    [FEW, 'get list', 'sendingdomains@postfleet.io', '', false],
  ])('%s, %s of %s in "%s": %s', async (...row) => {
    const { is, shall } = await answersTo(row);
    expect(is).toEqual(shall);
  });
});

describe('with an operator of all namespaces', () => {
  beforeAll(async () => {
    await startOperatorProcess(stage, plane);
    await declareCluster('mail');
  });

  test.each<Row>([
    [OPERATOR, 'get list watch', 'mtaclusters@postfleet.io', '', true],
    [OPERATOR, 'patch', 'sendingdomains/status@postfleet.io', 'mail', true],
    [OPERATOR, 'create update patch delete', 'mtaclusters@postfleet.io', 'mail', false],
    [OPERATOR, 'update delete', 'mtaclusters/status@postfleet.io', 'mail', false],
    [OPERATOR, 'get list watch create patch delete', 'deployments@apps', 'mail', true],
    [OPERATOR, 'get list watch create patch delete', 'services@', 'mail', true],
    [OPERATOR, 'get list watch create patch delete', 'networkpolicies@networking.k8s.io', 'mail', true],
    [OPERATOR, 'get list create patch delete', 'roles@rbac.authorization.k8s.io', 'mail', true],
    [OPERATOR, 'bind escalate', 'roles@rbac.authorization.k8s.io', 'mail', false],
    [OPERATOR, 'get create patch', 'clusterroles@rbac.authorization.k8s.io', '', false],
    [OPERATOR, 'get list watch create patch delete', 'clusterrolebindings@rbac.authorization.k8s.io', '', true],
    [OPERATOR, 'bind escalate', 'clusterroles@rbac.authorization.k8s.io', '', false],
    [OPERATOR, 'get list watch create update patch delete', 'secrets@', 'mail', true],
    [OPERATOR, 'get list watch create patch delete', 'dnsendpoints@externaldns.k8s.io', 'mail', true],
    [OPERATOR, 'patch update', 'dnsendpoints/status@externaldns.k8s.io', 'mail', false],
    [OPERATOR, 'get list watch', 'pods@', 'mail', true],
    [OPERATOR, 'create delete patch', 'pods@', 'mail', false],
    [OPERATOR, 'create', 'events@events.k8s.io', 'mail', true],
    [OPERATOR, 'get delete patch', 'events@events.k8s.io', 'mail', false],
    [OPERATOR, 'get list watch', 'namespaces@', '', true],
    [OPERATOR, 'create patch delete', 'namespaces@', '', false],
    [OPERATOR, 'create', 'pods/exec@', 'mail', false],
    [OPERATOR, 'create', 'serviceaccounts/token@', 'mail', false],
    [OPERATOR, 'get list', 'nodes@', '', false],
    [OPERATOR, 'impersonate', 'users@', '', false],
    [OPERATOR, 'get create update', 'leases@coordination.k8s.io', 'postfleet', true],
    [OPERATOR, 'delete', 'leases@coordination.k8s.io', 'postfleet', false],
    [WORKER, 'get list watch', 'sendingdomains@postfleet.io', 'mail', true],
    [WORKER, 'create update patch delete', 'sendingdomains@postfleet.io', 'mail', false],
    [WORKER, 'update patch', 'sendingdomains/status@postfleet.io', 'mail', false],
    [WORKER, 'get list watch create', 'secrets@', 'mail', false],
    [WORKER, 'get list create', 'pods@', 'mail', false],
    [WORKER, 'get list watch', 'sendingdomains@postfleet.io', '', true],
    [WORKER, 'create update patch delete', 'sendingdomains@postfleet.io', 'elsewhere', false],
    [WORKER, 'get list watch', 'secrets@', 'elsewhere', false],
    [WORKER, 'get list watch', 'namespaces@', '', false],
    [WORKER, 'get create', 'leases@coordination.k8s.io', 'elsewhere', false],
    [WORKER, 'get create update patch', 'leases@coordination.k8s.io', 'mail', true],
    [WORKER, 'get', 'leases@coordination.k8s.io', 'postfleet', false],
    [INGRESS, 'get list watch', 'sendingcredentials@postfleet.io', 'mail', true],
    [INGRESS, 'get list watch create', 'secrets@', 'mail', false],
    [INGRESS, 'patch delete', 'deployments@apps', 'mail', false],
    [INGRESS, 'get list watch', 'ippools@postfleet.io', '', true],
  ])('%s, %s of %s in "%s": %s', async (...row) => {
    const { is, shall } = await answersTo(row);
    expect(is).toEqual(shall);
  });

  test('what pods may read elsewhere ends with their cluster', async () => {
    const bindings = async (): Promise<string[]> => {
      const { objects } = await kube.list(WIDE_BINDINGS);
      return objects.map(({ metadata }) => metadata.name).filter((it) => it.startsWith('postfleet:'));
    };
    expect(await bindings()).toEqual(['postfleet:mail:main']);
    await kube.delete({ type: typeOfKind('MTACluster'), namespace: 'mail', name: 'main' });
    await until('the binding is gone', async () => (await bindings()).length === 0, 20_000);
  });
});
