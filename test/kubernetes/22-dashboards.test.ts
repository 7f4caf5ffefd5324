/**
 * Every panel of every dashboard, asked of a real Prometheus that reads a real Postfleet, an egress proxy and an operator while things happen to
 * them: each query answers, and something in each panel has moved. With POSTFLEET_PICTURES=1 the answers become the pictures of docs/pictures.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeOfKind } from '#crds/definition.ts';
import { sample } from '#crds/sample.ts';
import { DASHBOARDS } from '#helm/dashboards/all.ts';
import type { Panel, Query } from '#helm/dashboards/dashboard.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { operatingCounters } from '#lib/metric/operating.ts';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { leaderRules, operatorRules } from '#operator/rights.ts';
import { Authority } from '../harness/authority.ts';
import { ConfigFolder } from '../harness/config.ts';
import { ControlPlane } from '../harness/control-plane.ts';
import { installDefinitions } from '../harness/definitions.ts';
import { EgressProxy } from '../harness/egress.ts';
import { grantOperator, OPERATOR, OPERATOR_GROUPS, startOperatorProcess } from '../harness/operator.ts';
import { freePorts } from '../harness/ports.ts';
import { drawDashboard } from '../harness/picture.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Prometheus, type Series } from '../harness/prometheus.ts';
import { Receiver } from '../harness/receiver.ts';
import { RedisServer } from '../harness/redis.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { Unbound } from '../harness/unbound.ts';
import { until } from '../harness/until.ts';

const stage = openScene();
const SENDER = 'hello@example.com';

let kube: ApiServer;
let config: ConfigFolder;
let redis: RedisServer;
let fleet: Postfleet;
let prometheus: Prometheus;
let proxy: EgressProxy;

/** A policy of its own for a domain of the test's. */
const policy = (name: string, port: number, more: object = {}): string =>
  JSON.stringify({
    apiVersion: 'postfleet.io/v1alpha1',
    kind: 'DestinationPolicy',
    metadata: { name },
    spec: {
      clusterRef: { name: 'local' },
      match: { domains: [`${name}.test`] },
      routes: [{ host: '127.0.0.1', port }],
      ...more,
    },
  });

const domain = (name: string): string => JSON.stringify(sample('SendingDomain', { domain: name }, { name }));

let proxyPort = 0;
const direct = { name: 'one', address: '127.0.0.1', egress: 'Local' };
const viaProxy = (name: string, address: string): object => ({
  name,
  address,
  egress: 'Proxy',
  proxy: { url: `socks5://127.0.0.1:${proxyPort}` },
});

async function startPostfleet(): Promise<Postfleet> {
  const authority = await Authority.start(stage, { 'new.example': '' });
  const unbound = await Unbound.start(stage, authority);
  redis = await RedisServer.start(stage);
  const rule = {
    name: 'busy',
    pattern: 'busy',
    class: 'Frequency/Volume',
    action: 'Suspend',
    scope: 'Site',
    durationSeconds: 1,
  };
  const [busy = 0, dead = 0] = await freePorts(2);
  [proxyPort = 0] = await freePorts(1);
  config = await ConfigFolder.from(stage, 'bench', {
    MTACluster: { spec: { limits: { redis: { url: redis.url } }, dns: { resolvers: [unbound.server] } } },
    IPPool: { spec: { members: [direct, viaProxy('two', '127.0.0.11')] } },
    DestinationPolicy: {
      spec: { match: { all: undefined, domains: ['*.test'] }, limits: { rate: { count: 500, perSeconds: 1 } } },
    },
  });
  config.write(
    '6-slow.yaml',
    policy('slow', config.ports.receiver, { limits: { rate: { count: 1, perSeconds: 60 } } }),
  );
  config.write('7-busy.yaml', policy('busy', busy, { rules: [rule] }));
  config.write('8-dead.yaml', policy('dead', dead));
  const answers = {
    rcpt: (address: string) =>
      address.startsWith('gone')
        ? '550 5.1.1 no such user'
        : address.startsWith('later')
          ? '451 4.7.1 try again later'
          : '250 2.1.5 ok',
    beforeDotReply: (): Promise<unknown> => pause(300),
  };
  stage.adopt(await Receiver.listen(config.ports.receiver, answers));
  stage.adopt(await Receiver.listen(busy, { dot: () => '451 4.3.2 busy' }));
  // Refused once, whoever is busy would rest for minutes, and no reply of his be judged.
  const flags = ['--allow-port', String(busy)];
  const rules = { port: proxyPort, allowPrivate: '127.0.0.1/32', allowPort: config.ports.receiver, flags };
  proxy = await EgressProxy.start(stage, config.path, rules);
  return Postfleet.start(stage, config);
}

const ROLE = { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles', kind: 'ClusterRole' };
const role = (rules: readonly object[]): KubeObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'postfleet-operator' },
  rules,
});
/** The operator's rights but for a verb. */
const without = (resource: string, verb: string): object[] =>
  operatorRules('postfleet-pods').filter(
    ({ resources, verbs }) => !(resources.includes(resource) && verbs.includes(verb)),
  );
const LEASE_ROLE = { ...ROLE, plural: 'roles', kind: 'Role' };
const leaseRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  metadata: { name: 'postfleet-operator', namespace: 'postfleet' },
  rules: leaderRules(),
};

beforeAll(async () => {
  const plane = await ControlPlane.start(stage, { users: { [OPERATOR]: { groups: OPERATOR_GROUPS } } });
  kube = new ApiServer(plane.access(), systemClock, systemRandom);
  await installDefinitions(kube);
  await grantOperator(kube);
  // It cannot lead yet: neither this role nor that of its pods' reports lets it have a lease.
  await kube.apply(ROLE, role(without('leases', 'create')), 'test');
  await kube.delete({ type: LEASE_ROLE, namespace: 'postfleet', name: 'postfleet-operator' });
  const operator = await startOperatorProcess(stage, plane);
  fleet = await startPostfleet();
  const hosts = [fleet.metricsUrl, proxy.metricsUrl].map((it) => new URL(it).host);
  const job = { postfleet: hosts, 'postfleet-operator': [operator.address] };
  prometheus = await Prometheus.start(stage, job);
});
afterAll(() => kube.close());

let round = 0;

/** A little of everything that mail can be. */
async function sendSome(): Promise<void> {
  round += 1;
  const client = await SmtpClient.open(fleet.ports.submission);
  const to = (address: string): Promise<string> => client.send(SENDER, [address], plainMessage(SENDER, address));
  for (const domainName of ['ok', 'ok', 'slow', 'busy', 'dead']) await to(`ann${round}@${domainName}.test`);
  await to(`gone${round}@ok.test`);
  await to(`later${round}@ok.test`);
  await to(`ann@domain${round % 3}.example`);
  expect(await client.send('ann@elsewhere.test', ['you@ok.test'], 'x\r\n')).toMatch(/^5/);
  await pause(200 + 100 * (round % 4));
  client.close();
  await sendByHttp();
  // For a while nobody is connected, or whoever looks now and then would always see one.
  await pause(300);
}

async function sendByHttp(): Promise<void> {
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  const body = JSON.stringify({
    from: { address: SENDER },
    to: [{ address: 'ann@ok.test' }],
    subject: 'One',
    text: 'x'.repeat(1000 * (round % 7)) || 'x',
  });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { status } = await fetch(`http://127.0.0.1:${fleet.ports.api}/v1/messages`, { method: 'POST', headers, body });
  expect(status).toBe(202);
}

/** What happens to one machine beside mail: a domain more, a mistake, Redis away. */
async function happensToPostfleet(): Promise<void> {
  await pause(3000);
  config.write('9-new.yaml', domain('new.example'));
  config.write('9-wrong.yaml', 'kind: Nothing\n');
  await until('the mistake is seen', async () => (await fleet.metric('postfleet_resource_problems')) > 0);
  await pause(1500);
  config.write('9-wrong.yaml', '');
  await until('it is gone', async () => (await fleet.metric('postfleet_resource_problems')) === 0);
  await until(
    'the domain is there',
    async () => (await fleet.metric('postfleet_domains', 'standing="unverified"')) > 0,
  );
  config.change('IPPool', {
    spec: { members: [direct, viaProxy('two', '127.0.0.11'), viaProxy('three', '127.0.0.12')] },
  });
  await redis.kill();
  await until('a rate goes at the local share', async () => (await fleet.metric('postfleet_limits_local_share')) > 0);
  await pause(1500);
  await redis.startAgain();
}

/** And to the operator: it leads, a right is missing, then it has it; and all at once there is much to look at. */
async function happensToOperator(): Promise<void> {
  await pause(2000);
  await kube.apply(ROLE, role(without('deployments', 'create')), 'test');
  await kube.apply(LEASE_ROLE, leaseRole, 'test');
  const spec = { queue: { nats: { servers: ['nats://nats:4222'] } } };
  const put = (kind: 'MTACluster' | 'IPPool' | 'SendingDomain', some: object, name: string) =>
    kube.apply(typeOfKind(kind), sample(kind, some, { name, namespace: 'default' }) as unknown as KubeObject, 'test');
  await put('MTACluster', spec, 'local');
  const one = { name: 'one', address: '10.0.0.1', egress: 'Local' };
  const startDate = new Date().toISOString().slice(0, 10);
  await put('IPPool', { members: [one] }, 'main');
  const failing = `sum(rate(${operatingCounters.reconcileErrors.name}[4s])) > 0`;
  await until('looks fail', async () => (await prometheus.over(5, failing)).length > 0, 60_000);
  await put('IPPool', { members: [one, { ...one, name: 'two', address: '10.0.0.2', warmup: { startDate } }] }, 'main');
  await kube.apply(ROLE, role(operatorRules('postfleet-pods')), 'test');
  await Promise.all(
    Array.from({ length: 300 }, (_, at) => put('SendingDomain', { domain: `d${at}.example` }, `d${at}`)),
  );
}

/** Milliseconds until something has moved everywhere. */
const PATIENCE = 150_000;
/** How far back is looked: the whole test. */
const SECONDS = 300;
const own: Readonly<Record<string, string>> = { $job: '.*', $instance: '.*', $__rate_interval: '4s' };

/** As Grafana would ask with everything chosen. */
async function answerTo({ expr }: Query, seconds: number): Promise<Series[]> {
  const filled = expr.replaceAll(/\$(?:job|instance|__rate_interval)/g, (name) => own[name] ?? name);
  expect(filled).not.toContain('$');
  return (await prometheus.over(seconds, filled)).filter(({ values }) => values.length > 0);
}

async function changed(query: Query): Promise<'no series' | 'nothing moved' | 'moved'> {
  const series = await answerTo(query, SECONDS);
  if (series.length === 0) return 'no series';
  return series.some(({ values }) => new Set(values).size > 1) ? 'moved' : 'nothing moved';
}

/** What is wrong with a panel, if anything: every query has an answer, and one of them has moved. */
async function wrongIn({ title, queries }: Panel): Promise<string[]> {
  const states = await Promise.all(queries.map(changed));
  if (states.every((it) => it !== 'no series') && states.includes('moved')) return [];
  return [`${title}: ${states.join(', ')}`];
}

/** Pictures of all dashboards, as the run was. */
async function draw(seconds: number): Promise<void> {
  const folder = fileURLToPath(new URL('../../docs/pictures', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (const dashboard of DASHBOARDS) {
    const answers = new Map<Panel, Series[][]>();
    for (const panel of dashboard.rows.flatMap(({ panels }) => panels))
      answers.set(panel, await Promise.all(panel.queries.map((it) => answerTo(it, seconds))));
    const picture = drawDashboard(dashboard, seconds, (panel, query) => answers.get(panel)?.[query] ?? []);
    writeFileSync(join(folder, `${dashboard.uid}.svg`), picture);
  }
}

test('every query of every panel answers, and something in each panel moves', async () => {
  const panels = DASHBOARDS.flatMap(({ rows }) => rows.flatMap((row) => row.panels));
  const over = new AbortController();
  const mail = (async () => {
    while (!over.signal.aborted) await sendSome();
  })();
  await Promise.all([happensToPostfleet(), happensToOperator()]);
  const end = performance.now() + PATIENCE;
  let still: readonly Panel[] = panels;
  let wrong: string[] = [];
  const began = performance.now();
  do {
    await pause(2000);
    const states = await Promise.all(still.map(wrongIn));
    wrong = states.flat();
    still = still.filter((_, at) => states[at]?.length !== 0);
  } while (wrong.length > 0 && performance.now() < end);
  if (process.env['POSTFLEET_PICTURES'] === '1') await draw(Math.ceil((performance.now() - began) / 1000) + 30);
  over.abort();
  await mail;
  expect(wrong).toEqual([]);
}, 300_000);
