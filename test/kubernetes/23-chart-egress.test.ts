/**
 * Addresses of nodes: the DaemonSet that the chart renders, its pod as a real process with its command line and its account's rights, a real
 * operator and a real worker. Mail leaves from the address by the proxy of the node that holds it, and stops at once when that is bad.
 *
 * The node is this machine: a pod says on which node it is, and that it is ready, because the test writes so into its status.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { PODS, SECRETS } from '#operator/types.ts';
import { mayDo } from '../harness/access-review.ts';
import { Helm, typeOf, valuesFile } from '../harness/helm.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { Kubelet } from '../harness/kubelet.ts';
import { Nats } from '../harness/nats.ts';
import { Operated, textIn } from '../harness/operated.ts';
import { type OperatorProcess, startOperatorProcess } from '../harness/operator.ts';
import { freePorts } from '../harness/ports.ts';
import { LAUNCHER } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { statusOf, Zone } from '../harness/zone.ts';

const stage = openScene();
const NAMESPACE = 'postfleet-egress';
const ACCOUNT = `${NAMESPACE}/postfleet-egress`;
const USER = `system:serviceaccount:${ACCOUNT.replace('/', ':')}`;
/** Where the ports of NATS are those that everybody has. */
const NATS_ADDRESS = '127.0.45.1';
/** Loopback: this machine holds them. */
const [FIRST, SECOND] = ['127.0.46.1', '127.0.46.2'];
/** Of a documentation network: no machine holds it. */
const AWAY = '192.0.2.46';
const NODE = 'node-a';

let site: Operated;
let zone: Zone;
let nats: Nats;
let operator: OperatorProcess;
let receiver: Receiver;
let submission: number;
let proxyPort: number;

interface PodTemplate {
  readonly metadata: object;
  readonly spec: {
    readonly hostNetwork: boolean;
    readonly containers: readonly { readonly args: readonly string[] }[];
  };
}

beforeAll(async () => {
  [site, zone, nats] = await Promise.all([
    Operated.start(stage, [], ['mail/main-ingress', 'mail/main-worker', ACCOUNT]),
    Zone.serve(),
    Nats.start(stage, { address: NATS_ADDRESS }),
  ]);
  const [a = 0, b = 0, port = 0] = await freePorts(3);
  [submission, proxyPort] = [a, b];
  receiver = await Receiver.listen(port);
  const flags = ['--resolver', zone.address, '--egress-namespace', NAMESPACE];
  operator = await startOperatorProcess(stage, site.plane, { flags });
  await site.namespace('mail');
}, 120_000);
afterAll(async () => {
  zone.close();
  await receiver.close();
  site.close();
});

/** Only what is of the proxies. */
async function renderEgress(): Promise<KubeObject[]> {
  const objects = await new Helm(stage, 3, site.plane).render(valuesFile('egress'));
  return objects.filter(({ metadata }) => `${metadata.namespace ?? ''} ${metadata.name}`.includes('egress'));
}

let pod: KubeObject;

/** What a kubelet would make of the DaemonSet on one node, and say of it. */
async function startPod(daemonSet: KubeObject): Promise<void> {
  const { template } = daemonSet['spec'] as { readonly template: PodTemplate };
  const metadata = { ...template.metadata, namespace: NAMESPACE, name: 'postfleet-egress-1' };
  const spec = { ...template.spec, nodeName: NODE };
  const made = await site.kube.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  if (made.kind !== 'written') throw new Error(JSON.stringify(made));
  pod = made.object;
  const [{ args } = { args: [] }] = template.spec.containers;
  const [metrics = 0] = await freePorts(1);
  const folder = stage.folder('egress');
  const here: Readonly<Record<string, string>> = {
    '--listen': `[127.0.0.1]:${proxyPort}`,
    '--metrics': `127.0.0.1:${metrics}`,
    '--auth': join(folder, 'logins'),
    '--tls': folder,
    '--allow-private': '127.0.0.0/8',
  };
  const changed = args.map((it) => {
    const [flag = ''] = it.split('=');
    return here[flag] === undefined ? it : `${flag}=${here[flag]}`;
  });
  const { cert, key } = await selfMadeCertificate(['postfleet-egress']);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of [
    ['kubeconfig', site.plane.kubeconfig(USER)],
    ['logins', 'worker:a-password\n'],
    ['tls.crt', cert],
    ['tls.key', key],
  ] as const)
    writeFileSync(join(folder, file), text, { mode: 0o600 });
  const { uid = '', name } = pod.metadata;
  const env = { POD_NAME: name, POD_NAMESPACE: NAMESPACE, POD_UID: uid, KUBECONFIG: join(folder, 'kubeconfig') };
  const program = stage.start('egress', LAUNCHER, [...changed, '--allow-port', String(receiver.port)], {
    env: { ...env, PATH: process.env['PATH'] },
  });
  await program.says(/postfleet egress is ready/);
  await secret('egress', { auth: 'worker:a-password', 'ca.crt': cert });
}

async function secret(name: string, texts: Readonly<Record<string, string>>): Promise<void> {
  const metadata = { namespace: 'mail', name };
  await site.apply(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, stringData: texts });
}

async function tellReady(isReady: boolean): Promise<void> {
  const conditions = [{ type: 'Ready', status: isReady ? 'True' : 'False' }];
  const status = { phase: 'Running', hostIP: '127.0.0.1', hostIPs: [{ ip: '127.0.0.1' }], conditions };
  const { name } = pod.metadata;
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: NAMESPACE, name }, status };
  const written = await site.kube.applyStatus(PODS, object, 'kubelet');
  if (written.kind !== 'written') throw new Error(JSON.stringify(written));
}

interface Member {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly node?: string;
  readonly endpoint?: string;
}

async function members(): Promise<readonly Member[]> {
  const pool = await site.object('IPPool', 'mail/main');
  return (pool?.['status'] as { readonly members?: readonly Member[] } | undefined)?.members ?? [];
}

const states = async (): Promise<string> => (await members()).map(({ name, state }) => `${name} ${state}`).join();

const member = (name: string, address: string, more: object = {}): object => ({ name, address, ...more });

const declarePool = (more: object = {}): Promise<void> =>
  site.declare('IPPool', 'mail/main', {
    clusterRef: { name: 'main' },
    members: [member('first', FIRST), member('second', SECOND, more), member('away', AWAY)],
    health: { requireFCrDNS: 'Warn' },
  });

test('the DaemonSet has the network of its node, and no other privilege', async () => {
  const objects = await renderEgress();
  for (const it of objects.filter(({ kind }) => kind !== 'DaemonSet')) await site.apply(typeOf(it), it);
  const daemonSet = objects.find(({ kind }) => kind === 'DaemonSet');
  if (!daemonSet) throw new Error('there is no DaemonSet');
  const { template } = daemonSet['spec'] as { readonly template: PodTemplate };
  const { hostNetwork, ...others } = template.spec;
  expect(hostNetwork).toBe(true);
  const dryRun = { dryRun: true };
  const place = { namespace: 'strict', name: 'egress' };
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await site.namespace('strict', labels);
  const asked = (spec: object) =>
    site.kube.create(PODS, { apiVersion: 'v1', kind: 'Pod', metadata: place, spec }, dryRun);
  expect(await asked(others)).toMatchObject({ kind: 'written' });
  expect(await asked(template.spec)).toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(
      /violates PodSecurity "restricted:latest": host namespaces \(hostNetwork=true\), hostPort/,
    ),
  });
  await startPod(daemonSet);
});

test('its account reads pools, and tells of itself', async () => {
  const asked: [verb: string, what: string, namespace: string, may: boolean][] = [
    ['list', 'ippools@postfleet.io', '', true],
    ['patch', 'leases@coordination.k8s.io', NAMESPACE, true],
    ['patch', 'leases@coordination.k8s.io', 'mail', false],
    ['list', 'mtaclusters@postfleet.io', 'mail', false],
    ['patch', 'ippools/status@postfleet.io', 'mail', false],
    ['get', 'secrets@', NAMESPACE, false],
    ['get', 'secrets@', 'mail', false],
    ['list', 'pods@', NAMESPACE, false],
  ];
  const answers = await Promise.all(
    asked.map(([verb, what, namespace]) => mayDo(site.kube, USER, verb, what, namespace)),
  );
  expect(answers).toEqual(asked.map(([, , , may]) => may));
});

const cluster = (): object => ({
  shards: 4,
  ingress: {
    replicas: 1,
    listeners: [{ name: 'submission', protocol: 'SMTP', port: 587, containerPort: submission }],
  },
  workers: { replicas: 1 },
  queue: { nats: { servers: nats.urls.map((it) => `nats://${it}`), replicas: 1 } },
  dns: { resolvers: [zone.address], allowPrivate: ['127.0.0.0/8'] },
  egress: { authRef: { name: 'egress', key: 'auth' }, tlsCARef: { name: 'egress', key: 'ca.crt' } },
});

test('a pool says which node holds which address, as soon as the pod there is ready', async () => {
  await site.declare('MTACluster', 'mail/main', cluster());
  await declarePool();
  await until('the pool is looked at', async () => (await members()).length === 3, 20_000);
  expect(await states()).toBe('first Unplumbed,second Unplumbed,away Unplumbed');
  await tellReady(true);
  await until('they are available', async () => (await states()).includes('first Available,second Available'), 20_000);
  const endpoint = `socks5s://127.0.0.1:${proxyPort}`;
  expect(await members()).toMatchObject([
    { name: 'first', state: 'Available', node: NODE, endpoint },
    { name: 'second', state: 'Available', node: NODE, endpoint },
    { name: 'away', state: 'Unplumbed', reason: 'NotOnANode' },
  ]);
  expect(await operator.metrics()).toContain('postfleet_pool_members{pool="mail/main",state="Unplumbed"} 1\n');
});

let client: SmtpClient;
let sent = 0;

async function send(): Promise<void> {
  const subject = `message ${(sent += 1)}`;
  const said = await client.send(
    'hello@example.com',
    ['you@demo.test'],
    plainMessage('hello@example.com', 'you@demo.test', subject),
  );
  if (!said.startsWith('250')) throw new Error(said);
}

let looks = 0;
async function publish(): Promise<void> {
  zone.publish(statusOf(await site.object('SendingDomain', 'mail/example')));
  const look = { 'postfleet.io/reconcile-at': String((looks += 1)) };
  const before = await operator.looks('sendingdomain');
  await site.declare('SendingDomain', 'mail/example', { domain: 'example.com', poolRef: { name: 'main' } }, look);
  await until('it was looked at', async () => (await operator.looks('sendingdomain')) > before + 1, 20_000);
}

async function logIn(): Promise<SmtpClient> {
  const made = await site.secret('mail/app-credential');
  const opened = await SmtpClient.open(submission);
  await opened.startTls();
  const login = `\0${textIn(made, 'username')}\0${textIn(made, 'password')}`;
  const said = await opened.say(`AUTH PLAIN ${Buffer.from(login).toString('base64')}`);
  if (!said.startsWith('235')) throw new Error(said);
  return opened;
}

test('mail leaves from those addresses, by the proxy of their node and under TLS', async () => {
  const routes = [{ host: '127.0.0.1', port: receiver.port }];
  const limits = { messagesPerConnection: 1 };
  await site.declare('DestinationPolicy', 'mail/all', {
    clusterRef: { name: 'main' },
    match: { all: {} },
    routes,
    limits,
  });
  await site.declare('SendingCredential', 'mail/app', { clusterRef: { name: 'main' } });
  stage.adopt(new Kubelet({ stage, kubectl: Kubectl.on(stage, site.plane), kube: site.kube, namespace: 'mail' }));
  const isReady = async (): Promise<boolean> => {
    await publish();
    return (await site.conditions('SendingDomain', 'mail/example')).some((it) => it.startsWith('Ready=True '));
  };
  await until('the domain is ready', isReady, 90_000);
  client = await until('the credential is known', () => logIn().catch(() => undefined), 60_000);
  await until(
    'the domain may send',
    () =>
      send().then(
        () => true,
        () => false,
      ),
    30_000,
  );
  for (let at = 0; at < 20; at += 1) await send();
  await until('all of it has arrived', () => receiver.taken.length >= 21, 30_000);
  expect(new Set(receiver.peers)).toEqual(new Set([FIRST, SECOND]));
}, 180_000);

test('an address that its pool suspends is used no more, at once', async () => {
  await declarePool({ suspend: true });
  const workers = async (): Promise<boolean> => (await states()).includes('second Suspended');
  await until('it is said', workers, 20_000);
  const before = receiver.taken.length;
  await until(
    'the worker knows',
    async () => {
      const at = receiver.peers.length;
      for (let each = 0; each < 4; each += 1) await send();
      await until('they arrive', () => receiver.peers.length >= at + 4, 20_000);
      return receiver.peers.slice(at).every((it) => it === FIRST);
    },
    20_000,
  );
  expect(receiver.taken.length).toBeGreaterThan(before);
});

test('a node whose proxy is not ready gets no mail: it waits, and leaves as soon as it is', async () => {
  await tellReady(false);
  const began = performance.now();
  await until('its addresses are out', async () => !(await states()).includes('Available'), 20_000);
  process.stdout.write(
    `addresses of a node that is not ready were out after ${Math.round(performance.now() - began)} ms\n`,
  );
  expect(await site.conditions('IPPool', 'mail/main')).toContain('Ready=False NoMemberIsFit');
  // The worker hears of it within a part of a second; what it takes before that leaves.
  await until(
    'nothing leaves any more',
    async () => {
      const at = receiver.taken.length;
      await send();
      return until('it arrives after all', () => receiver.taken.length > at, 1500).then(
        () => false,
        () => true,
      );
    },
    30_000,
  );
  const waiting = receiver.taken.length;
  await tellReady(true);
  const again = performance.now();
  await until('what waited has left', () => receiver.taken.length > waiting, 30_000);
  process.stdout.write(`mail went on ${Math.round(performance.now() - again)} ms after the node was ready again\n`);
  expect(await site.kube.get({ type: typeOfKind('IPPool'), namespace: 'mail', name: 'main' })).toBeDefined();
  client.close();
}, 90_000);
