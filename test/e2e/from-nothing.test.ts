/**
 * From nothing, in the order in which people do it: a node of this machine's own, the chart, NATS and Valkey, what is declared; then mail.
 */
import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DkimVerdict, verifyDkim } from '#lib/dkim/verify.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { EXTERNAL_DNS } from '../harness/external-dns.ts';
import { CHART, Helm } from '../harness/helm.ts';
import { LAUNCHER } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { ExternalDns } from './external-dns.ts';
import { addAddress, API_ADDRESS, DNS_ADDRESS } from './node/machine.ts';
import { AUTHORITY } from './node/names.ts';
import { Node } from './node/node.ts';
import { PAUSE_IMAGE, REPOSITORY, TAG } from './run/images.ts';
import { disks, example, onOneNode } from './stores.ts';

/** Of the example: where mail leaves from. */
const SENDER = '192.0.2.1';
/** Of who receives: public, so that nothing has to be allowed. */
const RECEIVER = '11.0.0.25';
const LOGIN = 'fleet:of-the-test';

const stage = openScene();
let node: Node;
let kube: ApiServer;
let receiver: Receiver;

/** What each message that arrived was worth then: whether its signatures hold against what DNS says at that moment. */
const verdicts: Promise<DkimVerdict[]>[] = [];
const authority = new Resolver({ timeout: 2000, tries: 3 });
authority.setServers([AUTHORITY]);
const texts = async (name: string): Promise<string[]> =>
  (await authority.resolveTxt(name)).map((strings) => strings.join(''));

const mail = (...args: readonly string[]): Promise<string> => node.kubectl.works('--namespace', 'mail', ...args);

beforeAll(async () => {
  node = await Node.start(stage, ['example.com', 'test', '2.0.192.in-addr.arpa']);
  kube = new ApiServer(node.plane.access(), systemClock, systemRandom);
  for (const address of [SENDER, RECEIVER]) addAddress(address);
  node.names.write('test', ['demo MX 10 mx', `mx A ${RECEIVER}`]);
  node.names.write('2.0.192.in-addr.arpa', ['1 PTR mta1.example.com.']);
  const own = [`mta1.example.com. A ${SENDER}`, `mx.example.com. A ${SENDER}`];
  stage.adopt(new ExternalDns(kube, node.names, 'example.com', own));
  const dot = ({ raw }: { readonly raw: Buffer }): string => {
    verdicts.push(verifyDkim(raw, texts, Date.now()));
    return '250 2.0.0 taken';
  };
  receiver = stage.adopt(await Receiver.listen(25, { dot }, RECEIVER));
}, 300_000);
afterAll(() => kube.close());

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

test('helm installs the operator, and it becomes ready', async () => {
  await node.kubectl.apply(EXTERNAL_DNS);
  const values = { 'image.repository': REPOSITORY, 'image.tag': TAG, 'operator.hostname': 'mx.example.com' };
  const set = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const helm = new Helm(stage, 3, node.plane);
  await helm.works('install', 'postfleet', CHART, '--namespace', 'postfleet', '--create-namespace', ...set);
  const ready = ['rollout', 'status', 'deployment/postfleet-operator', '--timeout=180s'];
  expect(await node.kubectl.works('--namespace', 'postfleet', ...ready)).toContain('successfully rolled out');
});

test('NATS and Valkey of the examples run', async () => {
  await node.kubectl.works('create', 'namespace', 'mail');
  await mail('create', 'secret', 'generic', 'valkey', '--from-literal=password=of-the-test');
  await node.kubectl.apply(...disks(3));
  const objects = onOneNode([...example('nats.yaml'), ...example('valkey.yaml')]);
  await node.kubectl.apply(...objects.map(inMail));
  const ready = ['statefulset/nats', 'deployment/valkey'].map((it) => mail('rollout', 'status', it, '--timeout=180s'));
  for (const said of await Promise.all(ready)) expect(said).toMatch(/complete|successfully rolled out/);
});

test('what is declared becomes ready, with records that nobody publishes by hand', async () => {
  await startEgress();
  await mail('create', 'secret', 'generic', 'egress', `--from-literal=login=${LOGIN}`);
  await node.kubectl.apply(...example('mail.yaml').map(inMail).map(declared));
  await until('the records are in DNS', async () => (await texts('bounce.example.com').catch(() => [])).length > 0);
  // As the page says: DNS is looked at every minute otherwise.
  await mail('annotate', '--overwrite', 'sendingdomain/example.com', 'postfleet.io/reconcile-at=now');
  for (const it of ['sendingdomain/example.com', 'mtacluster/main', 'sendingcredential/app'])
    expect(await stateOf(it)).toBe('ready');
});

test('mail by SMTP and by HTTP arrives with both signatures, from the address of the pool', async () => {
  const [username = '', password = '', token = ''] = await Promise.all(['username', 'password', 'token'].map(secret));
  const address = await mail('get', 'service', 'main-ingress', '--output', 'jsonpath={.spec.clusterIP}');
  const client = await SmtpClient.open(587, address);
  await client.startTls();
  const login = Buffer.from(`\0${username}\0${password}`).toString('base64');
  expect(await client.say(`AUTH PLAIN ${login}`)).toMatch(/^235/);
  const content = plainMessage('hello@example.com', 'you@demo.test', 'by SMTP');
  expect(await client.send('hello@example.com', ['you@demo.test'], content)).toMatch(/^250/);
  client.close();
  const message = {
    from: { address: 'hello@example.com' },
    to: [{ address: 'you@demo.test' }],
    subject: 'by HTTP',
    text: 'x',
  };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const posted = await fetch(`http://${address}/v1/messages`, {
    method: 'POST',
    headers,
    body: JSON.stringify(message),
  });
  expect(posted.status).toBe(202);
  await until('both have arrived', () => receiver.taken.length === 2, 60_000);
  for (const found of await Promise.all(verdicts)) expect(found.map(({ result }) => result)).toEqual(['pass', 'pass']);
  expect(new Set(receiver.peers)).toEqual(new Set([SENDER]));
});

/** `ready`, or all that is known of it after a while. */
async function stateOf(object: string): Promise<string> {
  const { code } = await node.kubectl.run(
    '--namespace',
    'mail',
    'wait',
    '--for=condition=Ready',
    object,
    '--timeout=240s',
  );
  return code === 0 ? 'ready' : mail('get', object, '--output', 'yaml');
}

const inMail = (object: KubeObject): KubeObject => ({ ...object, metadata: { ...object.metadata, namespace: 'mail' } });

/** The example, with what the page leaves open: who publishes records, and where limits are counted. */
function declared(object: KubeObject): KubeObject {
  const spec = object['spec'] as object;
  const limits = { redis: { url: 'redis://valkey.mail:6379', passwordRef: { name: 'valkey', key: 'password' } } };
  if (object.kind === 'SendingDomain')
    return { ...object, spec: { ...spec, dns: { mode: 'DNSEndpoint', apex: 'Manage' } } };
  return object.kind === 'MTACluster' ? { ...object, spec: { ...spec, limits } } : object;
}

/** On the machine that has the address, which is the node. */
async function startEgress(): Promise<void> {
  const folder = stage.folder('egress');
  const known = example('mail.yaml').filter(({ kind }) => kind === 'IPPool' || kind === 'MTACluster');
  for (const object of known) writeFileSync(join(folder, `${object.kind}.yaml`), JSON.stringify(object));
  const logins = join(stage.folder('logins'), 'logins');
  writeFileSync(logins, `${LOGIN}\n`, { mode: 0o600 });
  const where = ['--config', folder, '--listen', '0.0.0.0:1080', '--auth', logins];
  await stage.start('egress', LAUNCHER, ['egress', ...where]).says(/postfleet egress is ready/);
}

const secret = (key: string): Promise<string> =>
  mail('get', 'secret', 'app-credential', '--output', `go-template={{index .data "${key}" | base64decode}}`);
