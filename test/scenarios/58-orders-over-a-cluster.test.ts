/**
 * What people look up and order reaches the mail of a whole cluster, whichever of its processes they ask; what nobody answers for is
 * named. On a nats-server that wants to know who we are, over TLS.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { nkeys } from '@nats-io/transport-node';
import { beforeAll, expect, test } from 'vitest';
import { Connection } from '#lib/nats/connection.ts';
import { type Credentials, readCredentials } from '#lib/nats/credentials.ts';
import { systemClock } from '#lib/run/clock.ts';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Explanation, Live, QueueState } from '#mta/mail/explanation.ts';
import type { Done } from '#mta/mail/operation.ts';
import type { AuditRecord } from '#mta/settle/ledger/orders.ts';
import { askAdmin } from '#mta/watch/admin-client.ts';
import type { Trace } from '#mta/watch/trace.ts';
import { Cluster, type Role } from '../harness/cluster.ts';
import { Nats } from '../harness/nats.ts';
import { secured, tlsLines } from '../harness/nats-accounts.ts';
import { freePorts } from '../harness/ports.ts';
import { LAUNCHER } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const BENCH = fileURLToPath(new URL('../../examples/bench', import.meta.url));
const LISTENERS = [2525, 2465, 8080];
const SHARDS = 8;
const DOMAINS = Array.from({ length: 30 }, (_, at) => `d${at}.test`);

let cluster: Cluster;
let receiver: Receiver;
let token: string;
/** The receiver answers what came for slow.test when it is told to. */
let letGo = (): void => {};

beforeAll(async () => {
  const [sink = 0, ...listening] = await freePorts(1 + 2 * LISTENERS.length);
  const beforeDotReply: NonNullable<Parameters<typeof Receiver.listen>[1]>['beforeDotReply'] = ({ recipients }) =>
    recipients.includes('you@slow.test') ? new Promise<void>((resolve) => (letGo = resolve)) : undefined;
  receiver = scene.adopt(await Receiver.listen(sink, { beforeDotReply }));
  cluster = await Cluster.start(scene, {
    config: BENCH,
    servers: 1,
    ingresses: 2,
    workers: 2,
    portOf: (port, ingress) => listening[ingress * LISTENERS.length + LISTENERS.indexOf(port)] ?? 0,
    spec: { shards: SHARDS },
    routedTo: sink,
    secured: await secured(scene),
  });
  token = readFileSync(join(cluster.keyring, 'secrets', 'default.app', 'token'), 'utf8').trim();
}, 90_000);

interface Answer {
  readonly status: number;
  readonly said: {
    readonly id: string;
    readonly detail?: string;
    readonly recipients: readonly { readonly address: string; readonly result?: string; readonly state?: string }[];
  };
}

/** By the HTTP API of one that takes mail. */
async function ask(ingress: number, method: string, path: string, body?: object): Promise<Answer> {
  const url = `http://127.0.0.1:${cluster.ingresses[ingress]?.ports['api']}/v1/messages${path}`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return { status: answer.status, said: (await answer.json()) as Answer['said'] };
}

const inOneHour = (): string => new Date(systemClock.now() + 3_600_000).toISOString();

async function handIn(domains: readonly string[], over: object = {}): Promise<string> {
  const to = domains.map((it) => ({ address: `you@${it}` }));
  const { status, said } = await ask(0, 'POST', '', {
    from: { address: 'me@example.com' },
    to,
    subject: 'Hello',
    text: 'Hello.',
    ...over,
  });
  expect(status).toBe(202);
  return said.id;
}

const resultsOf = ({ status, said }: Answer) => [status, ...new Set(said.recipients.map((it) => it.result))];

/** What commands ask, without their start. */
const look = async <T>(role: Role | undefined, path: string): Promise<T> =>
  (await askAdmin({ data: role?.data ?? '' }, `/v1/${path}`)) as T;
const order = async (role: Role | undefined, what: string, named: object): Promise<Done> =>
  (await askAdmin({ data: role?.data ?? '' }, `/v1/${what}`, 'POST', { by: 'ann', ...named })) as Done;

const queueAt = (role: Role | undefined): Promise<QueueState> => look<QueueState>(role, 'queue?limit=100');
const names = ({ rows }: QueueState): string[] => rows.map((it) => it.domain).toSorted();

/** Every row, by name, some at a time. */
async function byPages(role: Role | undefined): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: QueueState = await look<QueueState>(role, `queue?limit=7&after=${encodeURIComponent(after)}`);
    found.push(...page.rows.map((it) => it.domain));
    after = page.next;
  }
  return found;
}

const arrived = (count: number): Promise<unknown> =>
  until('all of it waits', async () => (await queueAt(cluster.ingresses[0])).recipients === count, 20_000);

test('mail that waits at any worker is cancelled and looked up by any of those who take mail', async () => {
  const id = await handIn(DOMAINS, { sendAt: inOneHour() });
  await arrived(DOMAINS.length);
  const shown = await ask(1, 'GET', `/${id}`);
  expect([shown.status, shown.said.recipients.length]).toEqual([200, DOMAINS.length]);
  expect(resultsOf(await ask(1, 'DELETE', `/${id}`))).toEqual([200, 'cancelled']);
  expect(resultsOf(await ask(0, 'DELETE', `/${id}`))).toEqual([200, 'cancelled']);
  const after = await ask(0, 'GET', `/${id}`);
  expect(new Set(after.said.recipients.map((it) => it.state))).toEqual(new Set(['cancelled']));
  expect((await queueAt(cluster.workers[0])).recipients).toBe(0);
});

test('what is past the dot is not cancelled, and it is said that it is being sent, or was', async () => {
  const id = await handIn(['slow.test']);
  await until('it is past the dot', () => receiver.seen.some((it) => it.recipients.includes('you@slow.test')));
  const early = await ask(1, 'DELETE', `/${id}`);
  expect([...resultsOf(early), early.said.detail]).toEqual([409, 'underWay', expect.stringContaining('being sent')]);
  letGo();
  await until('it is delivered', async () => (await ask(0, 'GET', `/${id}`)).said.recipients[0]?.state === 'delivered');
  expect(resultsOf(await ask(1, 'DELETE', `/${id}`))).toEqual([409, 'ended']);
});

test('orders by any process are carried out wherever the mail is', async () => {
  const [worker, other] = cluster.workers;
  const [ingress] = cluster.ingresses;
  const id = await handIn(DOMAINS, { sendAt: inOneHour() });
  await arrived(DOMAINS.length);
  const seen = await Promise.all([worker, other, ingress].map((it) => queueAt(it)));
  for (const state of seen) {
    expect([state.recipients, names(state)]).toEqual([DOMAINS.length, DOMAINS.toSorted()]);
    expect(state.missing).toBeUndefined();
  }
  expect(await byPages(ingress)).toEqual(DOMAINS.toSorted());
  const all = await Promise.all(
    DOMAINS.slice(0, 6).map((it) => look<Explanation>(ingress, `explain?recipient=you@${it}`)),
  );
  expect(all.map(({ ways }) => ways[0]?.waiting.map((it) => it.message))).toEqual(all.map(() => [id]));
  expect(new Set(all.map((it) => it.worker)).size).toBeGreaterThan(0);

  const held = { domain: 'd3.test' };
  expect(await order(other, 'suspend', { ...held, why: 'blocklisted' })).toMatchObject({ recipients: 1 });
  // As one finds it who has an address and the token of all.
  const remote = ['--admin', `${ingress?.adminUrl}/`, '--token', join(cluster.keyring, 'admin-token')];
  const { stdout } = await promisify(execFile)(LAUNCHER, ['retry', '--all', '--json', ...remote]);
  expect(JSON.parse(stdout)).toMatchObject({ recipients: DOMAINS.length, stillHeldBy: [{ why: 'blocklisted' }] });
  await until(
    'the others are delivered',
    () => new Set(receiver.taken.flatMap((it) => it.recipients)).size === 30,
    20_000,
  );
  expect(receiver.taken.flatMap((it) => it.recipients)).not.toContain('you@d3.test');
  // What is taken is written a moment later.
  const left = await until('their outcomes are written', async () => {
    const state = await queueAt(worker);
    return state.recipients === 1 && state;
  });
  expect(left).toMatchObject({ suspensions: [{ why: 'blocklisted' }] });
  expect(left.rows).toMatchObject([{ domain: 'd3.test', waitsFor: expect.stringContaining('blocklisted') }]);
  expect(left.sites.every((it) => it.worker !== undefined)).toBe(true);

  expect(await order(ingress, 'bounce', { ...held, why: 'nobody there' })).toMatchObject({ recipients: 1 });
  expect(await order(worker, 'resume', held)).toMatchObject({ suspensions: [{ why: 'blocklisted' }] });
  const trace = await look<Trace>(other, `messages/${id}`);
  expect(trace.pending).toEqual([]);
  expect(trace.events.filter((it) => it.recipient === 'you@d3.test').map((it) => it.type)).toEqual([
    'queued',
    'bounced',
  ]);
  const { records } = await look<{ records: AuditRecord[] }>(ingress, 'audit');
  expect(records.map((it) => `${it.operation} ${it.stage}`)).toEqual([
    'resume done',
    'bounce done',
    'bounce begun',
    'retry done',
    'retry begun',
    'suspend done',
  ]);
  const { processes = {} } = await look<Live>(ingress, 'live');
  expect(Object.keys(processes)).toHaveLength(4);
});

test('what a dead worker held is named until another has it, who tells what was in hand', async () => {
  await handIn(['slow.test', ...DOMAINS], { sendAt: inOneHour() });
  await arrived(DOMAINS.length + 1);
  const [ingress] = cluster.ingresses;
  const { worker: name = '' } = await look<Explanation>(ingress, 'explain?recipient=you@slow.test');
  const dying = cluster.workers.find((it) => name.endsWith(it.data));
  const heir = cluster.workers.find((it) => it !== dying);
  const seen = receiver.seen.length;
  await order(ingress, 'retry', { domain: 'slow.test' });
  await until('it is past the dot', () => receiver.seen.length > seen);
  await dying?.program.kill();
  const { recipients, missing } = await queueAt(ingress);
  expect(recipients).toBeLessThan(DOMAINS.length + 1);
  expect(missing).toEqual([expect.stringMatching(/^shards? [\d, ]+: no worker answers for (it|them): .* ask again/)]);
  await cluster.allShardsHeld();
  await until('the heir tells of it', () => heir?.program.stdout.includes('the last process died') === true);
  letGo();
  const whole = await queueAt(ingress);
  expect(names(whole)).toEqual(expect.arrayContaining(DOMAINS));
});

function knownBy(text: string): { current: Credentials } {
  const current = readCredentials(text);
  if (!current) throw new Error('no credentials');
  return { current };
}

test('NATS lets nobody in whom it does not know, and nothing is said to a server that does not prove its name', async () => {
  const user = nkeys.createUser();
  const seed = Buffer.from(user.getSeed()).toString();
  const { lines, ca } = await tlsLines(scene);
  const users = `authorization { users: [ { nkey: ${user.getPublicKey()} }, { user: mta, password: "s3cret" } ] }`;
  const nats = await Nats.start(scene, { lines: [...lines, users] });
  const said: string[] = [];
  const open = async (text: string, trust: string | undefined = ca): Promise<string> => {
    const access = { servers: nats.urls, name: 'test', credentials: knownBy(text), tls: { ca: trust } };
    try {
      await (await Connection.open(access)).close();
      return 'open';
    } catch (thrown) {
      said.push(reasonOf(thrown));
      return codeOf(thrown);
    }
  };
  expect(await open('mta:s3cret')).toBe('open');
  expect(await open(seed)).toBe('open');
  expect(await open('mta:wrong')).toBe('nats-refused');
  expect(await open(Buffer.from(nkeys.createUser().getSeed()).toString())).toBe('nats-refused');
  expect(await open('mta:s3cret', (await tlsLines(scene)).ca)).toBe('nats-insecure');
  expect(said.join()).not.toMatch(/s3cret|wrong|SU[A-Z2-7]{10}/);
  const inClear = await Nats.start(scene, { lines: [users] });
  await expect(
    Connection.open({ servers: inClear.urls, name: 'test', credentials: knownBy('mta:s3cret'), tls: {} }),
  ).rejects.toMatchObject({ code: 'nats-insecure' });
});

test('who is let in no longer comes back with the credentials that have followed', async () => {
  const admits = (user: string): string => `authorization { users: [ { user: ${user}, password: s3cret } ] }`;
  // Read anew at each start.
  const lines = [admits('first')];
  const nats = await Nats.start(scene, { lines });
  const credentials = knownBy('first:s3cret');
  const connection = await Connection.open({ servers: nats.urls, name: 'test', credentials });
  await nats.stop(0);
  lines[0] = admits('second');
  await nats.restart(0);
  credentials.current = knownBy('second:s3cret').current;
  const isLetIn = (): Promise<boolean> =>
    connection.flush().then(
      () => true,
      () => false,
    );
  await expect.poll(isLetIn, { timeout: 20_000 }).toBe(true);
  await connection.close();
});

test('the logs have no secrets', async () => {
  await cluster.stop();
  const adminToken = readFileSync(join(cluster.keyring, 'admin-token'), 'utf8').trim();
  for (const { program } of cluster.roles) {
    const said = program.stdout + program.stderr;
    for (const secret of [token, adminToken]) expect(said).not.toContain(secret);
    expect(said).not.toMatch(/SU[A-Z2-7]{56}/);
  }
});
