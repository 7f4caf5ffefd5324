/**
 * Mail through pods: an operator on a real API server, and the pods that it renders as real processes, as `examples/kubernetes/mail.yaml`
 * declares them but for addresses, ports and how many; in the order and by the words of `docs/getting-started-kubernetes.md`.
 */
import { readFileSync } from 'node:fs';
import { type Kind, KINDS } from '#crds/kinds.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseYaml } from '#crds/source/yaml.ts';
import { type DkimVerdict, verifyDkim } from '#lib/dkim/verify.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { typeOf } from '../harness/helm.ts';
import { Kubelet } from '../harness/kubelet.ts';
import { Nats } from '../harness/nats.ts';
import { Operated, textIn } from '../harness/operated.ts';
import { type OperatorProcess, startOperatorProcess } from '../harness/operator.ts';
import { freePorts } from '../harness/ports.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { type DomainStatus, statusOf, Zone } from '../harness/zone.ts';

const stage = openScene();
const EXAMPLE = new URL('../../examples/kubernetes/mail.yaml', import.meta.url);
const PAGE = readFileSync(new URL('../../docs/getting-started-kubernetes.md', import.meta.url), 'utf8');
/** Where the ports of NATS are those that everybody has. */
const NATS_ADDRESS = '127.0.44.1';

let site: Operated;
let zone: Zone;
let nats: Nats;
let operator: OperatorProcess;
let kubelet: Kubelet;
let receiver: Receiver;
let ports: { readonly submission: number; readonly api: number };

/** What each message that arrived was worth then: whether its signatures hold against what DNS says at that moment. */
const verdicts: Promise<DkimVerdict[]>[] = [];

beforeAll(async () => {
  [site, zone, nats] = await Promise.all([
    Operated.start(stage, [], ['mail/main-ingress', 'mail/main-worker']),
    Zone.serve(),
    Nats.start(stage, { address: NATS_ADDRESS }),
  ]);
  const [submission = 0, api = 0, port = 0] = await freePorts(3);
  ports = { submission, api };
  receiver = await Receiver.listen(port, {
    dot: ({ raw }) => {
      verdicts.push(verifyDkim(raw, async (name) => zone.texts(name), Date.now()));
      return '250 2.0.0 taken';
    },
  });
  operator = await startOperator();
  await site.namespace('mail');
}, 120_000);
afterAll(async () => {
  zone.close();
  await receiver.close();
  site.close();
});

const startOperator = (): Promise<OperatorProcess> =>
  startOperatorProcess(stage, site.plane, { flags: ['--resolver', zone.address, '--hostname', 'mx.mail.test'] });

/** The example, on this machine. */
function objects(): KubeObject[] {
  const { documents } = parseYaml(readFileSync(EXAMPLE, 'utf8'));
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
      listeners: listeners.map((it) => Object.assign({}, it, { containerPort: ports[it.name] })),
    },
    workers: { replicas: 1 },
    queue: { nats: { servers: nats.urls.map((it) => `nats://${it}`), replicas: 1 } },
    dns: { resolvers: [zone.address], allowPrivate: ['127.0.0.0/8'] },
  };
  return { ...object, metadata, spec: { ...others, ...changed } };
}

const status = async (): Promise<DomainStatus> => statusOf(await site.object('SendingDomain', 'mail/example.com'));
const phases = async (): Promise<string> =>
  ((await status()).keys ?? [])
    .map(({ phase }) => phase)
    .toSorted()
    .join();

let asked = 0;
/** What people do: everything that the status says into DNS; and the operator is asked to look. Resolves when it has. */
async function publish(annotations: Readonly<Record<string, string>> = {}): Promise<void> {
  zone.publish(await status());
  const domain = objects().find(({ kind }) => kind === 'SendingDomain');
  if (!domain) throw new Error('the example has a SendingDomain');
  const before = await operator.looks('sendingdomain');
  const look = { 'postfleet.io/reconcile-at': String((asked += 1)), ...annotations };
  await site.apply(typeOf(domain), { ...domain, metadata: { ...domain.metadata, annotations: look } });
  await until('it was looked at', async () => (await operator.looks('sendingdomain')) > before + 1, 20_000);
}

/** What a command of the page holds. */
function pageSays(pattern: RegExp): readonly string[] {
  const found = pattern.exec(PAGE);
  if (!found) throw new Error(`the page says nothing like ${pattern}`);
  return found.slice(1);
}

/** What the page waits for, in order: `condition`, `kind`, `name`. */
const WAITS = [...PAGE.matchAll(/^kubectl --namespace mail wait --for=condition=(\w+) (\w+)\/(\S+) /gm)];
const KINDS_IN_LOWER_CASE = new Map((Object.keys(KINDS) as Kind[]).map((kind) => [kind.toLowerCase(), kind]));

async function holds(condition: string, kind: string, name: string): Promise<boolean> {
  const known = KINDS_IN_LOWER_CASE.get(kind);
  if (!known) throw new Error(`${kind} is no kind`);
  return (await site.conditions(known, `mail/${name}`)).some((it) => it.startsWith(`${condition}=True `));
}

const [SECRET = '', TOKEN = ''] = pageSays(/get secret (\S+) -o jsonpath='\{\.data\.(\w+)\}'/);
const secretOf = async (key: string): Promise<string> => textIn(await site.secret(`mail/${SECRET}`), key);

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

async function sendByHttp(subject: string): Promise<number> {
  const [path = '', body = ''] = pageSays(/^curl http:\/\/127\.0\.0\.1:8080(\S+) [^]*?-d '([^']+)'/m);
  const to = [{ address: 'you@demo.test' }];
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const message = JSON.stringify({ ...(JSON.parse(body) as object), to, subject });
  const url = `http://127.0.0.1:${ports.api}${path}`;
  return (await fetch(url, { method: 'POST', headers, body: message })).status;
}

const hasArrived = (subject: string): boolean =>
  receiver.taken.some(({ raw }) => raw.includes(`Subject: ${subject}\r\n`));
const arrived = (subject: string, limit = 30_000): Promise<unknown> =>
  until(`${subject} is delivered`, () => hasArrived(subject), limit);

test('what is applied becomes ready, as soon as its records are published', async () => {
  for (const object of objects()) await site.apply(typeOf(object), object);
  const policy = { clusterRef: { name: 'main' }, match: { domains: ['*.test'] } };
  await site.declare('DestinationPolicy', 'mail/receiver', {
    ...policy,
    routes: [{ host: '127.0.0.1', port: receiver.port }],
  });
  const [file] = pageSays(/^kubectl --namespace mail apply -f (\S+mail\.yaml)$/m);
  expect(EXAMPLE.pathname.endsWith(`/${file}`)).toBe(true);
  expect(WAITS.map(([, , kind]) => kind)).toEqual(['sendingdomain', 'mtacluster', 'sendingcredential']);
  const [[, ofDomain = '', domain = '', name = ''] = [], ...others] = WAITS;
  await until(
    'the domain is ready',
    async () => {
      await publish();
      return holds(ofDomain, domain, name);
    },
    60_000,
  );
  // Images take a while to come.
  kubelet = stage.adopt(new Kubelet({ stage, plane: site.plane, kube: site.kube, namespace: 'mail' }));
  for (const [command, condition = '', kind = '', of = ''] of others)
    await until(command, () => holds(condition, kind, of), 60_000);
  username = await secretOf('username');
  password = await secretOf('password');
  token = await secretOf(TOKEN);
}, 120_000);

test('mail by SMTP and by HTTP is delivered with both signatures', async () => {
  await until('the domain may send', async () => (await sendBySmtp('by SMTP')).startsWith('250'), 30_000);
  expect(await sendByHttp('by HTTP')).toBe(202);
  await arrived('by SMTP');
  await arrived('by HTTP');
  const { activeSelectors = [] } = await status();
  expect(activeSelectors).toHaveLength(2);
  for (const found of await Promise.all(verdicts)) {
    expect(found.map(({ result }) => result)).toEqual(['pass', 'pass']);
    expect(found.map(({ selector }) => selector).toSorted()).toEqual(activeSelectors.toSorted());
  }
});

test('a process that takes mail has no key that signs', () => {
  const [ingress] = kubelet.pods('ingress');
  expect(ingress?.program.exit).toBeUndefined();
  expect(ingress?.files().filter((it) => it.includes('dkim'))).toEqual([]);
});

test('a domain that is declared while they run is known at once', async () => {
  expect(await sendBySmtp('too early', 'hello@new.example')).toMatch(/^550 5\.7\.1 .*new\.example/s);
  const client = await loggedIn();
  const answer = async (): Promise<string> => {
    await client.say('RSET');
    return client.send('hello@new.example', ['you@demo.test'], plainMessage('hello@new.example', 'you@demo.test'));
  };
  await site.declare('SendingDomain', 'mail/new', { domain: 'new.example', poolRef: { name: 'main' } });
  const began = performance.now();
  await until('it is known, and has no key yet', async () => (await answer()).includes('no DKIM key yet'), 20_000);
  process.stdout.write(`a new domain was known after ${Math.round(performance.now() - began)} ms\n`);
  client.close();
});

test('mail goes on while the API server is away, and when pods are started again meanwhile', async () => {
  await site.plane.killApiServer();
  expect(await sendBySmtp('without an API server')).toMatch(/^250/);
  await arrived('without an API server');
  const pods = [...kubelet.pods('ingress'), ...kubelet.pods('worker')];
  await Promise.all(pods.map((it) => kubelet.restart(it)));
  await until(
    'they are ready again',
    async () => {
      const answers = await Promise.all(
        pods.map(({ metricsUrl }) => fetch(`${metricsUrl}/readyz`).catch(() => undefined)),
      );
      return answers.every((it) => it?.ok);
    },
    40_000,
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
  const [annotation = ''] = pageSays(/ (postfleet\.io\/rotate-at)=/);
  const rotateAt = { [annotation]: new Date().toISOString() };
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
    await until(
      'the next keys are active',
      async () => {
        await publish(rotateAt);
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
