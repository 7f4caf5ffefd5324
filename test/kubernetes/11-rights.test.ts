/**
 * Who may do what, asked of a real API server: the operator's account, and the accounts it makes for its pods.
 */
import { typeOfKind } from '#crds/definition.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiServer } from '#lib/kube/api-server.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { DEPLOYMENTS } from '#operator/types.ts';
import { mayDo } from '../harness/access-review.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { installDefinitions } from '../harness/definitions.ts';
import { grantOperator, makeNamespace, OPERATOR, OPERATOR_GROUPS, startOperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
let kube: ApiServer;

beforeAll(async () => {
  const plane = await ControlPlane.start(stage, { users: { [OPERATOR]: { groups: OPERATOR_GROUPS } } });
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  await installDefinitions(kube);
  await grantOperator(kube);
  await startOperatorProcess(stage, plane);
  await makeNamespace(kube, 'mail');
  const spec = { queue: { nats: { servers: ['nats://nats:4222'] } } };
  const object = {
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'MTACluster',
    metadata: { name: 'main', namespace: 'mail' },
    spec,
  };
  await kube.apply(typeOfKind('MTACluster'), object, 'test');
  const place = { type: DEPLOYMENTS, namespace: 'mail', name: 'main-ingress' };
  await until('the pods have accounts', async () => (await kube.get(place)) !== undefined, 30_000);
});
afterAll(() => kube.close());

const WORKER = 'system:serviceaccount:mail:main-worker';
const INGRESS = 'system:serviceaccount:mail:main-ingress';

test.each<[who: string, verbs: string, what: string, namespace: string, may: boolean]>([
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
  [WORKER, 'get list', 'sendingdomains@postfleet.io', 'elsewhere', false],
  [WORKER, 'get create update patch', 'leases@coordination.k8s.io', 'mail', true],
  [WORKER, 'get', 'leases@coordination.k8s.io', 'postfleet', false],
  [INGRESS, 'get list watch', 'sendingcredentials@postfleet.io', 'mail', true],
  [INGRESS, 'get list watch create', 'secrets@', 'mail', false],
  [INGRESS, 'patch delete', 'deployments@apps', 'mail', false],
])('%s, %s of %s in "%s": %s', async (who, verbs, what, namespace, may) => {
  const answers = await Promise.all(verbs.split(' ').map((verb) => mayDo(kube, who, verb, what, namespace)));
  expect(answers).toEqual(verbs.split(' ').map(() => may));
});
