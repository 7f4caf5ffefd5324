/**
 * Mail through pods: an operator on a real API server, and the pods that it renders as real processes of `npm run cluster`, as
 * `examples/kubernetes/mail.yaml` declares them but for addresses, ports, a certificate, and how many; by the very commands of
 * `docs/getting-started-kubernetes.md`, in their order.
 */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import { parseYaml } from '#crds/source/yaml.ts';
import { type DkimVerdict, verifyDkim } from '#lib/dkim/verify.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { DEPLOYMENTS, SECRETS } from '#operator/types.ts';
import { AuditLog, writeLine } from '../harness/audit-log.ts';
import { typeOf } from '../harness/helm.ts';
import { looksHere, startHastyOperator } from '../harness/hasty-operator.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Operated, textIn } from '../harness/operated.ts';
import { startOperatorAsking } from '../harness/operated-scene.ts';
import type { OperatorProcess } from '../harness/operator.ts';
import { freePorts } from '../harness/ports.ts';
import type { Program } from '../harness/program.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { SELDOM_MS, until } from '../harness/until.ts';
import { type DomainStatus, statusOf, Zone } from '../harness/zone.ts';

const stage = openScene();
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLES = join(ROOT, 'examples/kubernetes');
const PAGE = readFileSync(join(ROOT, 'docs/getting-started-kubernetes.md'), 'utf8');
/** Where `npm run cluster` says that NATS is. */
const NATS = 'nats://127.0.44.1:4222';
/** Of ten seconds, at the rate of the load. */
const MESSAGES = 2000;

/** Commands of the page, in order; one goes on where its line ends with a backslash. */
const COMMANDS = [...PAGE.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block = '']) =>
  block.trimEnd().split(/(?<!\\)\n/),
);
/** What needs nodes, or another machine. */
const NOT_HERE = [/ rollout status statefulset\/nats$/, /^postfleet egress /, / port-forward /];
const typed = new Set<string>();

/** The commands of the page that say this. */
function pageSays(pattern: RegExp): string[] {
  const found = COMMANDS.filter((it) => pattern.test(it));
  if (found.length === 0) throw new Error(`the page has no command like ${pattern}`);
  for (const it of found) typed.add(it);
  return found;
}

/** Types the only command of the page that says this; what it prints. */
function type(pattern: RegExp): Promise<string> {
  const [command = '', ...others] = pageSays(pattern);
  if (others.length > 0) throw new Error(`the page has ${others.length + 1} commands like ${pattern}`);
  return kubectl.run(command);
}

const audit = new AuditLog(stage);
let site: Operated;
let zone: Zone;
let operator: OperatorProcess;
let kubectl: Kubectl;
let cluster: Program | undefined;
let receiver: Receiver;
let certificate: Certificate;
let ports: { readonly submission: number; readonly api: number };

/** What each message that arrived was worth then: whether its signatures hold against what DNS says at that moment. */
const verdicts: Promise<DkimVerdict[]>[] = [];

beforeAll(async () => {
  [site, zone, certificate] = await Promise.all([
    Operated.start(stage, audit.flags),
    Zone.serve(),
    selfMadeCertificate(['main-ingress']),
  ]);
  const [submission = 0, api = 0, port = 0] = await freePorts(3);
  ports = { submission, api };
  receiver = await Receiver.listen(port, {
    dot: ({ raw }) => {
      verdicts.push(verifyDkim(raw, async (name) => zone.texts(name), Date.now()));
      return '250 2.0.0 taken';
    },
  });
  kubectl = new Kubectl(stage, kubeconfig(), folderOfExamples());
  operator = await startOperator();
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
  zone.close();
  await receiver.close();
  site.close();
}, 60_000);

/** The administrator's. */
function kubeconfig(): string {
  const file = join(stage.folder('administrator'), 'kubeconfig');
  writeFileSync(file, site.plane.kubeconfig(), { mode: 0o600 });
  return file;
}

/** A folder with the examples at their place, that to send mail on this machine. */
function folderOfExamples(): string {
  const folder = stage.folder('checkout');
  const examples = join(folder, 'examples/kubernetes');
  mkdirSync(examples, { recursive: true });
  for (const file of readdirSync(EXAMPLES)) writeFileSync(join(examples, file), readFileSync(join(EXAMPLES, file)));
  writeFileSync(
    join(examples, 'mail.yaml'),
    objects()
      .map((it) => stringify(it))
      .join('---\n'),
  );
  return folder;
}

const startOperator = (): Promise<OperatorProcess> => startOperatorAsking(stage, site, zone);

/** The example, on this machine. */
function objects(): KubeObject[] {
  const { documents } = parseYaml(readFileSync(join(EXAMPLES, 'mail.yaml'), 'utf8'));
  return documents.map(({ value }) => onThisMachine(value as KubeObject));
}

function onThisMachine(object: KubeObject): KubeObject {
  const spec = object['spec'] as Readonly<Record<string, object>>;
  const metadata = { ...object.metadata, namespace: 'mail' };
  if (object.kind === 'IPPool') {
    const members = [{ name: 'one', address: '127.0.0.1', ehloName: 'mta1.example.com', egress: 'Local' }];
    return { ...object, metadata, spec: { ...spec, members, namespaces: { from: 'All' } } };
  }
  if (object.kind !== 'MTACluster') return { ...object, metadata };
  const { ingress, egress: _, ...others } = spec;
  const { listeners = [] } = ingress as { readonly listeners?: readonly { readonly name: keyof typeof ports }[] };
  const changed = {
    shards: 8,
    namespaces: { from: 'All' },
    ingress: {
      replicas: 1,
      listeners: listeners.map((it) => Object.assign({}, it, { containerPort: ports[it.name] }, shownBy(it.name))),
    },
    workers: { replicas: 1 },
    queue: { nats: { servers: [NATS], replicas: 1 } },
    dns: { resolvers: [zone.address], allowPrivate: ['127.0.0.0/8'] },
  };
  return { ...object, metadata, spec: { ...others, ...changed } };
}

const shownBy = (listener: keyof typeof ports): object =>
  listener === 'submission' ? { tls: { certificateRefs: [{ name: 'certificate' }] } } : {};

const status = async (): Promise<DomainStatus> => statusOf(await site.object('SendingDomain', 'mail/example.com'));
const phases = async (): Promise<string> =>
  ((await status()).keys ?? [])
    .map(({ phase }) => phase)
    .toSorted()
    .join();

let asked = 0;
/** What people do: everything that the status says into DNS; and the operator is asked to look. Resolves when it has. */
async function publish(): Promise<void> {
  zone.publish(await status());
  const domain = objects().find(({ kind }) => kind === 'SendingDomain');
  if (!domain) throw new Error('the example has a SendingDomain');
  const before = await operator.looks('sendingdomain');
  const look = { 'postfleet.io/reconcile-at': String((asked += 1)) };
  await site.apply(typeOf(domain), { ...domain, metadata: { ...domain.metadata, annotations: look } });
  await until('it was looked at', async () => (await operator.looks('sendingdomain')) > before + 1, 20_000);
}

interface Process {
  readonly role: string;
  readonly name: string;
  readonly pid: number;
  readonly folder: string;
  readonly ports: { readonly metrics: number };
}

/** What `npm run cluster` runs as pods. */
function pods(...roles: string[]): Process[] {
  const all = JSON.parse(readFileSync(join(ROOT, '.cache/cluster.json'), 'utf8')) as Process[];
  return all.filter(({ role }) => roles.includes(role));
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    (it) => it.ok,
    () => false,
  );
const isReady = ({ ports: { metrics } }: Process): Promise<boolean> => answers(`http://127.0.0.1:${metrics}/readyz`);

async function startCluster(): Promise<void> {
  const script = join(ROOT, 'test/setup/cluster.ts');
  cluster = stage.start('cluster', process.execPath, [script, '--kubeconfig', kubeconfig(), '--namespace', 'mail']);
  await cluster.says(/pods of namespace mail run here/, 60_000);
  expect(cluster.stderr).toContain(NATS);
}

const fingerprintOf = ({ cert }: Certificate): string => new X509Certificate(cert).fingerprint256;

const putCertificate = ({ cert, key }: Certificate): Promise<void> => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const metadata = { name: 'certificate', namespace: 'mail' };
  const data = { 'tls.crt': base64(cert), 'tls.key': base64(key) };
  return site.apply(SECRETS, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data });
};

let username = '';
let password = '';
let token = '';

async function loggedIn(): Promise<SmtpClient> {
  const client = await SmtpClient.open(ports.submission);
  await client.startTls();
  const said = await client.say(`AUTH PLAIN ${Buffer.from(`\0${username}\0${password}`).toString('base64')}`);
  if (!said.startsWith('235')) throw new Error(said);
  return client;
}

async function sendBySmtp(subject: string, from = 'hello@example.com'): Promise<string> {
  const client = await loggedIn();
  const said = await client.send(from, ['you@demo.test'], plainMessage(from, 'you@demo.test', subject));
  client.close();
  return said;
}

/** What the page says to type, on the port that the pod has here. */
async function sendByHttp(): Promise<string> {
  const [login, curl] = [pageSays(/^TOKEN=/), pageSays(/^curl .*\/v1\/messages /)];
  return kubectl.run([...login, ...curl].join('\n').replace('127.0.0.1:8080', `127.0.0.1:${ports.api}`));
}

const hasArrived = (subject: string): boolean =>
  receiver.taken.some(({ raw }) => raw.includes(`Subject: ${subject}\r\n`));
const arrived = (subject: string, limit = 30_000): Promise<unknown> =>
  until(`${subject} is delivered`, () => hasArrived(subject), limit);

test('what is applied becomes ready, as soon as its records are published', async () => {
  await type(/^kubectl create namespace mail$/);
  await putCertificate(certificate);
  await type(/ apply -f \S+\/nats\.yaml$/);
  await type(/ create secret generic egress /);
  await type(/ apply -f \S+\/mail\.yaml$/);
  const policy = { clusterRef: { name: 'main' }, match: { domains: ['*.test', 'example.net'] } };
  await site.declare('DestinationPolicy', 'mail/receiver', {
    ...policy,
    routes: [{ host: '127.0.0.1', port: receiver.port }],
  });
  await until('it says what to publish', async () => ((await status()).records?.length ?? 0) > 3);
  expect(await type(/ describe sendingdomain /)).toContain('_domainkey.example.com');
  const lines = (await type(/ get sendingdomain .*jsonpath=/)).trimEnd().split('\n');
  expect(lines).toEqual(
    ((await status()).records ?? []).map(({ name, type: of, expected }) => `${name} ${of} ${expected[0]}`),
  );
  const waits = pageSays(/^kubectl --namespace mail wait /).map((it) => kubectl.begin(it));
  await type(/ postfleet\.io\/reconcile-at=now$/);
  await until(
    'the domain is ready',
    async () => {
      await publish();
      return waits[0]?.exit;
    },
    60_000,
  );
  // Images take a while to come.
  await startCluster();
  expect(await Promise.all(waits.map((it) => it.ended))).toEqual(waits.map(() => ({ code: 0, signal: null })));
  expect(waits.map(({ stdout }) => stdout)).toEqual([
    'sendingdomain.postfleet.io/example.com condition met\n',
    'mtacluster.postfleet.io/main condition met\n',
    'sendingcredential.postfleet.io/app condition met\n',
  ]);
  const secret = await site.secret('mail/app-credential');
  [username, password, token] = ['username', 'password', 'token'].map((it) => textIn(secret, it)) as [
    string,
    string,
    string,
  ];
}, 180_000);

test('mail by SMTP and by HTTP is delivered with both signatures', async () => {
  await until('the domain may send', async () => (await sendBySmtp('by SMTP')).startsWith('250'), 30_000);
  expect(await sendByHttp()).toMatch(/"id": "/);
  await arrived('by SMTP');
  await arrived('Hello');
  const { activeSelectors = [] } = await status();
  expect(activeSelectors).toHaveLength(2);
  for (const found of await Promise.all(verdicts)) {
    expect(found.map(({ result }) => result)).toEqual(['pass', 'pass']);
    expect(found.map(({ selector }) => selector).toSorted()).toEqual(activeSelectors.toSorted());
  }
});

test('it is said that the queue is durable, that all shards are owned, and when the credential was used', async () => {
  const statusIn = async (kind: 'MTACluster' | 'SendingCredential', name: string): Promise<object> =>
    (await site.kube.get({ type: typeOfKind(kind), namespace: 'mail', name }))?.['status'] ?? {};
  await until('pods have told', async () => 'lastUsedDate' in (await statusIn('SendingCredential', 'app')), 60_000);
  expect(await statusIn('MTACluster', 'main')).toMatchObject({ durability: 'Fsync', ownedShards: 8 });
  expect(await site.conditions('MTACluster', 'mail/main')).toContain('QueueDurable=True Fsync');
  const { lastUsedDate } = (await statusIn('SendingCredential', 'app')) as { readonly lastUsedDate: string };
  const days = [Date.now() - 60_000, Date.now()].map((at) => new Date(at).toISOString().slice(0, 10));
  expect(days).toContain(lastUsedDate);
}, 90_000);

test('a process that takes mail has no key that signs', () => {
  const files = pods('ingress').flatMap(({ folder }) => readdirSync(folder, { recursive: true, encoding: 'utf8' }));
  expect(files.filter((it) => it.includes('credentials'))).not.toEqual([]);
  expect(files.filter((it) => it.includes('dkim'))).toEqual([]);
});

test('a certificate that is renewed is shown within two minutes, and no process is started anew', async () => {
  const before = pods('ingress').map(({ pid }) => pid);
  const shown = async (): Promise<string | undefined> => {
    const client = await SmtpClient.open(ports.submission);
    await client.startTls();
    const { certificate: seen } = client;
    client.close();
    return seen;
  };
  expect(await shown()).toBe(fingerprintOf(certificate));
  const next = await selfMadeCertificate(['main-ingress']);
  const began = performance.now();
  await putCertificate(next);
  await until('it is shown', async () => (await shown()) === fingerprintOf(next), 60_000);
  process.stdout.write(
    `a certificate was shown ${Math.round((performance.now() - began) / 1000)} s after its Secret\n`,
  );
  expect(pods('ingress').map(({ pid }) => pid)).toEqual(before);
}, 90_000);

test('a domain that is declared while they run is known at once', async () => {
  expect(await sendBySmtp('too early', 'hello@new.example')).toMatch(/^550 5\.7\.1 .*new\.example/s);
  const client = await loggedIn();
  const answer = async (): Promise<string> => {
    await client.say('RSET');
    return client.send('hello@new.example', ['you@demo.test'], plainMessage('hello@new.example', 'you@demo.test'));
  };
  await site.declare('SendingDomain', 'mail/new', { domain: 'new.example', poolRef: { name: 'main' } });
  const began = performance.now();
  const isTold = async (): Promise<boolean> =>
    /\n550-5\.7\.1 publish TXT \S+\._domainkey\.new\.example /.test(await answer());
  await until('it is known, and who would send as it is told what to publish', isTold, 20_000);
  process.stdout.write(`a new domain was known after ${Math.round(performance.now() - began)} ms\n`);
  client.close();
});

test('mail goes on while the API server is away, and when pods are started again meanwhile', async () => {
  await site.plane.killApiServer();
  expect(await sendBySmtp('without an API server')).toMatch(/^250/);
  await arrived('without an API server');
  const killed = pods('ingress', 'worker');
  for (const { pid } of killed) process.kill(-pid, 'SIGKILL');
  const isAnother = ({ pid }: Process): boolean => killed.every((it) => it.pid !== pid);
  await until(
    'they are ready again',
    async () => {
      const now = pods('ingress', 'worker');
      return now.every(isAnother) && (await Promise.all(now.map(isReady))).every(Boolean);
    },
    60_000,
  );
  expect(await sendBySmtp('started again')).toMatch(/^250/);
  await arrived('started again');
  await site.plane.startApiServer();
  // An operator that could not renew its lease has ended, and is started again as its pod would be.
  await operator.program.kill();
  operator = await startOperator();
}, 90_000);

test('a rotation under load: every signature verifies against what DNS says when it arrives', async () => {
  const before = (await status()).activeSelectors ?? [];
  const over = new AbortController();
  let sent = 0;
  const load = (async (): Promise<void> => {
    const client = await loggedIn();
    while (!over.signal.aborted) {
      const subject = `under load ${(sent += 1)}`;
      const said = await client.send(
        'hello@example.com',
        ['you@demo.test'],
        plainMessage('hello@example.com', 'you@demo.test', subject),
      );
      if (!said.startsWith('250')) throw new Error(said);
    }
    client.close();
  })();
  try {
    await type(/ postfleet\.io\/rotate-at=/);
    await until(
      'the next keys are active',
      async () => {
        await publish();
        return (await phases()) === 'Active,Active,Retiring,Retiring';
      },
      90_000,
    );
  } finally {
    over.abort();
    await load;
  }
  await until(
    'all of it has arrived',
    () => hasArrived(`under load ${sent}`) && receiver.taken.length >= sent + 4,
    30_000,
  );
  const after = (await status()).activeSelectors ?? [];
  expect(after.filter((it) => before.includes(it))).toEqual([]);
  const found = await Promise.all(verdicts);
  expect(found.filter((it) => it.length !== 2 || it.some(({ result }) => result !== 'pass'))).toEqual([]);
  const used = new Set(found.flat().map(({ selector }) => selector));
  expect([...used].toSorted()).toEqual([...before, ...after].toSorted());
  process.stdout.write(`${sent} messages during a rotation, ${found.length} in all, each with two valid signatures\n`);
}, 150_000);

/** By anybody but the administrator, who is this test. */
const written = (): string[] => audit.writes.filter(({ user }) => user !== 'administrator').map(writeLine);

const isLoaded = async (): Promise<boolean> =>
  (await site.conditions('MTACluster', 'mail/main')).includes('KeyringCurrent=True Loaded');

/** Resolves when nothing was written for a while, and all pods have told that they have the keyring. */
async function settled(): Promise<number> {
  let [before, since] = [-1, performance.now()];
  await until(
    'nothing is written any more',
    async () => {
      const now = written().length;
      if (now !== before) [before, since] = [now, performance.now()];
      return performance.now() - since > 3000 && (await isLoaded());
    },
    60_000,
    SELDOM_MS,
  );
  return before;
}

test('while mail goes at 200 a second all is looked at ten times more, and nothing is written but leases', async () => {
  const [sink = 0] = await freePorts(1);
  const match = { domains: ['load.test'] };
  const routes = [{ host: '127.0.0.1', port: sink }];
  await site.declare('DestinationPolicy', 'mail/load', { clusterRef: { name: 'main' }, match, routes });
  await operator.program.stop();
  const hasty = await startHastyOperator(site.plane, zone.address);
  const before = await settled();
  const policies = 2;
  const looks = await looksHere('destinationpolicy');
  const flags = ['-http', '-token', token, '-from', 'hello@example.com', '-domains', '100:load.test', '-rate', '200'];
  const load = {
    to: ports.api,
    sink,
    messages: MESSAGES,
    connections: 10,
    flags: [...flags, '-linger', '0s', '-dkim'],
  };
  const { accepted, acceptPerSecond, unique, lost, duplicates, unsigned } = await Mailbench.start(
    stage,
    load,
  ).verdict();
  const more = (await looksHere('destinationpolicy')) - looks;
  const after = written().slice(before);
  await hasty.stop();
  operator = await startOperator();
  process.stdout.write(
    `${accepted} messages at ${Math.round(acceptPerSecond)} a second, ${Math.floor(more / policies)} looks at everything\n`,
  );
  expect({ accepted, unique, lost, duplicates, unsigned }).toEqual({
    accepted: MESSAGES,
    unique: MESSAGES,
    lost: 0,
    duplicates: 0,
    unsigned: 0,
  });
  expect(more).toBeGreaterThanOrEqual(10 * policies);
  expect(before).toBeGreaterThan(10);
  expect(after).toEqual([]);
}, 180_000);

test('another number of workers is asked for as of a Deployment; and every command of the page was typed', async () => {
  await type(/ scale mtacluster\/main --replicas=6$/);
  await until('there are to be as many', async () => {
    const found = await site.kube.get({ type: DEPLOYMENTS, namespace: 'mail', name: 'main-worker' });
    return (found as { readonly spec?: { readonly replicas?: number } } | undefined)?.spec?.replicas === 6;
  });
  expect(COMMANDS.filter((it) => !typed.has(it) && !NOT_HERE.some((pattern) => pattern.test(it)))).toEqual([]);
});
