/**
 * From nothing, in the order in which people do it: a node of this machine's own, the chart, NATS and Valkey, what is declared; then mail.
 */
import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DkimVerdict, verifyDkim } from '#lib/dkim/verify.ts';
import type { RecordReport } from '#lib/domain/records.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { EXTERNAL_DNS } from '../harness/external-dns.ts';
import { CHART, Helm } from '../harness/helm.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { declared, inMail, SECOND, SENDER, SHARES } from './declared.ts';
import { ExternalDns, zoneLine } from './external-dns.ts';
import { Fleet } from './load/fleet.ts';
import { SteadyLoad } from './load/steady-load.ts';
import { testUnderLoad } from './load/under-load.ts';
import { addAddress, API_ADDRESS, DNS_ADDRESS } from './node/machine.ts';
import { AUTHORITY } from './node/names.ts';
import { NAME as NODE_NAME, Node } from './node/node.ts';
import { PAUSE_IMAGE, REPOSITORY, TAG } from './run/images.ts';
import { disks, example, onOneNode } from './stores.ts';

/** Of who receives: public, so that nothing has to be allowed. */
const RECEIVER = '11.0.0.25';
/** Of who counts. */
const SINK = '11.0.0.26';
/** As the chart has it. */
const EGRESS = 'postfleet-egress';
const LOGIN = 'fleet:of-the-test';

/** Of receivers. */
const ZONE = ['demo MX 10 mx', `mx A ${RECEIVER}`, '*.load MX 10 sink', `sink A ${SINK}`];

const stage = openScene();
let node: Node;
let kube: ApiServer;
let fleet: Fleet;
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
  for (const address of [SENDER, SECOND, RECEIVER, SINK]) addAddress(address);
  node.names.write('test', ZONE);
  node.names.write('2.0.192.in-addr.arpa', ['1 PTR mta1.example.com.', '2 PTR mta2.example.com.']);
  const own = [`mta1.example.com. A ${SENDER}`, `mta2.example.com. A ${SECOND}`, `mx.example.com. A ${SENDER}`];
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

test('helm installs the operator and egress proxies, and they become ready', async () => {
  await node.kubectl.apply(EXTERNAL_DNS);
  await prepareEgress();
  const values = {
    'image.repository': REPOSITORY,
    'image.tag': TAG,
    'operator.hostname': 'mx.example.com',
    'egress.enabled': 'true',
    'egress.createNamespace': 'false',
    'egress.logins': 'logins',
  };
  const set = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const helm = new Helm(stage, 3, node.plane);
  fleet = new Fleet(stage, node, helm);
  await helm.works('install', 'postfleet', CHART, '--namespace', 'postfleet', '--create-namespace', ...set);
  const ready = ['rollout', 'status', '--timeout=180s'];
  const [operator, egress] = await Promise.all([
    node.kubectl.works('--namespace', 'postfleet', ...ready, 'deployment/postfleet-operator'),
    node.kubectl.works('--namespace', EGRESS, ...ready, 'daemonset/postfleet-egress'),
  ]);
  for (const said of [operator, egress]) expect(said).toContain('successfully rolled out');
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
  await mail('create', 'secret', 'generic', 'egress', `--from-literal=login=${LOGIN}`);
  await node.kubectl.apply(...example('mail.yaml').map(inMail).map(declared));
  await until('the records are in DNS', async () => (await texts('bounce.example.com').catch(() => [])).length > 0);
  await lookAt('example.com');
  for (const it of ['sendingdomain/example.com', 'mtacluster/main', 'sendingcredential/app'])
    expect(await stateOf(it)).toBe('ready');
});

test('mail by SMTP and by HTTP arrives with both signatures, from the address of the pool', async () => {
  const client = await submission();
  const content = plainMessage('hello@example.com', 'you@demo.test', 'by SMTP');
  expect(await client.send('hello@example.com', ['you@demo.test'], content)).toMatch(/^250/);
  client.close();
  const message = {
    from: { address: 'hello@example.com' },
    to: [{ address: 'you@demo.test' }],
    subject: 'by HTTP',
    text: 'x',
  };
  const headers = { authorization: `Bearer ${await secret('token')}`, 'content-type': 'application/json' };
  const posted = await fetch(`http://${await ingressAddress()}/v1/messages`, {
    method: 'POST',
    headers,
    body: JSON.stringify(message),
  });
  expect(posted.status).toBe(202);
  await until('both have arrived', () => receiver.taken.length === 2, 60_000);
  for (const found of await Promise.all(verdicts)) expect(found.map(({ result }) => result)).toEqual(['pass', 'pass']);
  for (const it of receiver.peers) expect([SENDER, SECOND]).toContain(it);
});

test('a record that is removed is named: in the status of a domain that sends, and to who would send as it once it is declared anew', async () => {
  const domain = {
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'SendingDomain',
    metadata: { name: 'second.test', namespace: 'mail' },
    spec: { domain: 'second.test', poolRef: { name: 'main' } },
  };
  await node.kubectl.apply(domain);
  const records = await until('it says what to publish', () => recordsOf('second.test'), 60_000, 500);
  node.names.write('test', [...ZONE, ...records]);
  await lookAt('second.test');
  expect(await stateOf('sendingdomain/second.test')).toBe('ready');
  const key = records.find((it) => it.includes('_domainkey')) ?? '';
  const [name = ''] = key.split('. ');
  node.names.write('test', [...ZONE, ...records.filter((it) => it !== key)]);
  const message = 'jsonpath={.status.conditions[?(@.type=="Ready")].message}';
  const isNamed = async (): Promise<boolean> => {
    await lookAt('second.test');
    return (await mail('get', 'sendingdomain/second.test', '--output', message)).includes(name);
  };
  await until('the status names it', isNamed, 60_000, 500);
  await mail('delete', 'sendingdomain/second.test');
  const [keys, rest] = [
    records.filter((it) => it.includes('_domainkey')),
    records.filter((it) => !it.includes('_domainkey')),
  ];
  node.names.write('test', [...ZONE, ...rest]);
  // One that is seen once more would prove the domain.
  for (const it of keys)
    await until(
      'DNS has it no more',
      () =>
        texts(it.split('. ')[0] ?? '').then(
          () => false,
          () => true,
        ),
      20_000,
      100,
    );
  await node.kubectl.apply(domain);
  const from = 'hello@second.test';
  const refused = async (): Promise<string | false> => {
    const client = await submission();
    const said = await client.send(from, ['you@demo.test'], plainMessage(from, 'you@demo.test'));
    client.close();
    return said.includes(`publish TXT ${name} `) && said;
  };
  expect(await until('the refusal names it', refused, 60_000, 500)).toMatch(
    /^550-5\.7\.1 SendingDomain second\.test is not/,
  );
});

testUnderLoad(async (form) => {
  const [username = '', password = '', token = ''] = await Promise.all(['username', 'password', 'token'].map(secret));
  const address = await ingressAddress();
  const way = { address, username, password, token, sink: `${SINK}:25`, dns: `${AUTHORITY}:53` };
  return { fleet, texts, load: SteadyLoad.start(stage, form.rate, way) };
}, SHARES);

/** A connection that may send. */
async function submission(): Promise<SmtpClient> {
  const [username = '', password = ''] = await Promise.all(['username', 'password'].map(secret));
  const client = await SmtpClient.open(587, await ingressAddress());
  await client.startTls();
  expect(await client.say(`AUTH PLAIN ${Buffer.from(`\0${username}\0${password}`).toString('base64')}`)).toMatch(
    /^235/,
  );
  return client;
}

/** Lines of the zone, once the domain says all of them. */
async function recordsOf(name: string): Promise<string[] | undefined> {
  const { status } = JSON.parse(await mail('get', `sendingdomain/${name}`, '--output', 'json')) as {
    readonly status?: { readonly records?: readonly RecordReport[] };
  };
  const { records = [] } = status ?? {};
  const keys = records.filter((it) => it.name.includes('_domainkey'));
  const isWhole = keys.length === 2 && records.some(({ purpose }) => purpose === 'DMARC');
  return isWhole ? records.map((it) => zoneLine(it.name, it.type, it.expected[0] ?? '')) : undefined;
}

/** Otherwise DNS is looked at every minute. */
const lookAt = (name: string): Promise<string> =>
  mail('annotate', '--overwrite', `sendingdomain/${name}`, `postfleet.io/reconcile-at=${new Date().toISOString()}`);

const ingressAddress = (): Promise<string> =>
  mail('get', 'service', 'main-ingress', '--output', 'jsonpath={.spec.clusterIP}');

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

/** Where the chart's proxies are, on the node that has the addresses. */
async function prepareEgress(): Promise<void> {
  await node.kubectl.works('label', 'node', NODE_NAME, 'postfleet.io/egress=true');
  await node.kubectl.works('create', 'namespace', EGRESS);
  await node.kubectl.works('label', 'namespace', EGRESS, 'pod-security.kubernetes.io/enforce=privileged');
  const logins = ['create', 'secret', 'generic', 'logins', `--from-literal=logins=${LOGIN}`];
  await node.kubectl.works('--namespace', EGRESS, ...logins);
}

const secret = (key: string): Promise<string> =>
  mail('get', 'secret', 'app-credential', '--output', `go-template={{index .data "${key}" | base64decode}}`);
