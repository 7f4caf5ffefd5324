/**
 * Resources that the API server takes and that are wrong all the same: each is told so, with what to do; one of its kind beside it is not
 * even written; and the operator goes on, without an error and without looking again and again.
 */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { Kind } from '#crds/kinds.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { conditionsOf } from '#operator/controller/status.ts';
import { DEPLOYMENTS, SECRETS, SERVICES } from '#operator/types.ts';
import { reportKeyring, wholeKeyring } from '../harness/keyring-pods.ts';
import type { Operated } from '../harness/operated.ts';
import { operatedScene } from '../harness/operated-scene.ts';
import type { OperatorProcess } from '../harness/operator.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';
import { statusOf, type Zone } from '../harness/zone.ts';

const stage = openScene();
let site: Operated;
let zone: Zone;
let operator: OperatorProcess;

const NATS = { nats: { servers: ['nats://nats:4222'] } };
const MAIN = { clusterRef: { name: 'main' } };
const MEMBER = { name: 'one', address: '192.0.2.1', egress: 'Local' };
const POOL = { ...MAIN, members: [MEMBER], health: { requireFCrDNS: 'Warn' } };
const ED = { algorithms: ['Ed25519'] };
const HOOK = { url: 'https://hooks.example.com/mail' };
const DOMAIN = { poolRef: { name: 'main' }, dkim: ED };

const shown = (certificate: string): object => ({
  queue: NATS,
  ingress: {
    listeners: [{ name: 's', protocol: 'SMTP', port: 587, tls: { certificateRefs: [{ name: certificate }] } }],
  },
});
const nats = (name: string, key: string): object => ({
  queue: { nats: { ...NATS.nats, credentialsRef: { name, key } } },
});
const brought = (name: string, key = 'key', algorithm = 'Ed25519'): object => ({
  ...DOMAIN,
  dkim: { ...ED, existingKeys: [{ selector: 'own', algorithm, secretRef: { name, key } }] },
});
const proxied = { ...MEMBER, egress: 'Proxy', proxy: { url: 'socks5://proxy:1080' } };

/** One of each kind that is as it should be. */
const GOOD: readonly (readonly [kind: Kind, spec: object])[] = [
  ['MTACluster', { queue: NATS, workers: { replicas: 1 }, ingress: { replicas: 1 }, namespaces: { from: 'All' } }],
  ['IPPool', POOL],
  ['SendingDomain', { ...DOMAIN, domain: 'good.test' }],
  ['DestinationPolicy', { ...MAIN, match: { domains: ['good.test'] } }],
  ['SendingCredential', MAIN],
  ['EventSink', { ...MAIN, webhook: HOOK }],
];
/** A sink is never ready: nothing is delivered yet. */
const goodCondition = (kind: Kind): string => (kind === 'EventSink' ? 'Accepted=True Granted' : 'Ready=True Ready');

interface Wrong {
  readonly kind: Kind;
  readonly spec: object;
  readonly reason: string;
  /** What it says to do, and about what. */
  readonly says: RegExp;
  /** Beside all others, if it must not be. */
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const ELSEWHERE = { clusterRef: { name: 'closed', namespace: 'elsewhere' } };

const TABLE: Readonly<Record<string, Wrong>> = {
  'no-queue': { kind: 'MTACluster', spec: { queue: {} }, reason: 'SpecInvalid', says: /spec\.queue\.nats is missing/ },
  'no-certificate': {
    kind: 'MTACluster',
    spec: shown('absent'),
    reason: 'SecretMissing',
    says: /certificateRefs.*no key tls\.crt of Secret mail\/absent: make it/,
  },
  'garbage-certificate': {
    kind: 'MTACluster',
    spec: shown('garbage'),
    reason: 'SecretInvalid',
    says: /Secret mail\/garbage must hold a certificate/,
  },
  'certificate-of-another-key': {
    kind: 'MTACluster',
    spec: shown('mixed'),
    reason: 'SecretInvalid',
    says: /Secret mail\/mixed must hold .* and its key/,
  },
  'no-nats-credentials': {
    kind: 'MTACluster',
    spec: nats('absent', 'user.creds'),
    reason: 'SecretMissing',
    says: /spec\.queue\.nats\.credentialsRef: there is no key user\.creds of Secret mail\/absent: make it/,
  },
  'other-key-of-nats-credentials': {
    kind: 'MTACluster',
    spec: nats('texts', 'user.creds'),
    reason: 'SecretMissing',
    says: /no key user\.creds of Secret mail\/texts: make it/,
  },
  'no-redis-password': {
    kind: 'MTACluster',
    spec: { queue: NATS, limits: { redis: { url: 'redis://redis', passwordRef: { name: 'absent', key: 'p' } } } },
    reason: 'SecretMissing',
    says: /spec\.limits\.redis\.passwordRef: there is no key p of Secret mail\/absent: make it/,
  },
  'name-of-a-child-taken': {
    kind: 'MTACluster',
    spec: { queue: NATS, ingress: { listeners: [{ name: 's', protocol: 'SMTP', port: 587 }] } },
    reason: 'Refused',
    says: /Service .*taken-ingress is there already, and is not of this MTACluster/,
  },
  'pool-of-no-cluster': {
    kind: 'IPPool',
    spec: { ...POOL, clusterRef: { name: 'absent' } },
    reason: 'ClusterMissing',
    says: /no valid MTACluster mail\/absent: make it/,
  },
  'pool-not-granted': {
    kind: 'IPPool',
    spec: { ...POOL, ...ELSEWHERE },
    reason: 'ClusterRefused',
    says: /does not grant namespace mail: its owner may/,
  },
  'pool-without-its-overflow': {
    kind: 'IPPool',
    spec: { ...POOL, overflowPoolRef: { name: 'absent' } },
    reason: 'OverflowMissing',
    says: /no IPPool mail\/absent: make it/,
  },
  'overflow-into-itself': {
    kind: 'IPPool',
    spec: { ...POOL, overflowPoolRef: { name: 'overflow-into-itself' } },
    reason: 'OverflowItself',
    says: /must name another pool/,
  },
  'pool-of-suspended': {
    kind: 'IPPool',
    spec: { ...POOL, members: [{ ...MEMBER, suspend: true }] },
    reason: 'Suspended',
    says: /every member is suspended/,
  },
  'pool-of-a-nameless-address': {
    kind: 'IPPool',
    spec: { ...MAIN, members: [{ ...MEMBER, address: '198.18.0.1' }] },
    reason: 'NoMemberIsFit',
    says: /198\.18\.0\.1/,
  },
  'proxy-of-a-tenant': {
    kind: 'IPPool',
    spec: { ...POOL, clusterRef: { name: 'main', namespace: 'mail' }, members: [proxied] },
    reason: 'ProxyRefused',
    says: /in the namespace of its MTACluster may name a proxy: make it there/,
    namespace: 'tenant',
  },
  'domain-without-pool': {
    kind: 'SendingDomain',
    spec: { ...DOMAIN, poolRef: { name: 'absent' } },
    reason: 'PoolMissing',
    says: /no IPPool mail\/absent: make it, or name another/,
  },
  'domain-on-a-foreign-pool': {
    kind: 'SendingDomain',
    spec: { ...DOMAIN, poolRef: { name: 'main', namespace: 'mail' } },
    reason: 'PoolRefused',
    says: /IPPool mail\/main does not grant namespace tenant/,
    namespace: 'tenant',
  },
  'domain-on-a-pool-of-no-cluster': {
    kind: 'SendingDomain',
    spec: { ...DOMAIN, poolRef: { name: 'pool-of-no-cluster' } },
    reason: 'ClusterMissing',
    says: /IPPool mail\/pool-of-no-cluster cannot be used: there is no valid MTACluster/,
  },
  'domain-of-another': {
    kind: 'SendingDomain',
    spec: { ...DOMAIN, domain: 'good.test' },
    reason: 'DomainTaken',
    says: /SendingDomain mail\/good declares good\.test already: delete one/,
  },
  'key-of-no-secret': {
    kind: 'SendingDomain',
    spec: brought('absent'),
    reason: 'NotCarriedOut',
    says: /existing key own: there is no key key of Secret mail\/absent: make it/,
  },
  'other-key-of-a-secret': {
    kind: 'SendingDomain',
    spec: brought('texts', 'other'),
    reason: 'NotCarriedOut',
    says: /no key other of Secret mail\/texts: make it/,
  },
  'key-that-is-none': { kind: 'SendingDomain', spec: brought('texts'), reason: 'NotCarriedOut', says: /own/ },
  'key-of-another-algorithm': {
    kind: 'SendingDomain',
    spec: brought('texts', 'rsa.pem'),
    reason: 'NotCarriedOut',
    says: /key rsa\.pem of Secret mail\/texts must be of algorithm Ed25519/,
  },
  'endpoint-without-external-dns': {
    kind: 'SendingDomain',
    spec: { ...DOMAIN, dns: { mode: 'DNSEndpoint' } },
    reason: 'NotCarriedOut',
    says: /external-dns/i,
  },
  'wish-that-is-no-moment': {
    kind: 'SendingDomain',
    spec: DOMAIN,
    annotations: { 'postfleet.io/rotate-at': 'soon' },
    reason: 'NotCarriedOut',
    says: /rotate-at must be a moment, such as/,
  },
  'domain-that-is-not-published': {
    kind: 'SendingDomain',
    spec: DOMAIN,
    reason: 'DNSPending',
    says: /publish TXT \S+\._domainkey\.domain-that-is-not-published\.test.*status\.records/,
  },
  'policy-of-no-cluster': {
    kind: 'DestinationPolicy',
    spec: { clusterRef: { name: 'absent' }, match: { domains: ['a.test'] } },
    reason: 'ClusterMissing',
    says: /no valid MTACluster mail\/absent/,
  },
  'policy-away-from-its-cluster': {
    kind: 'DestinationPolicy',
    spec: { ...MAIN, match: { domains: ['a.test'] } },
    reason: 'ClusterMissing',
    says: /counts in its cluster's namespace alone/,
    namespace: 'tenant',
  },
  'policy-of-another': {
    kind: 'DestinationPolicy',
    spec: { ...MAIN, match: { domains: ['good.test'] } },
    reason: 'Conflicted',
    says: /older policies hold: good for good\.test; name other destinations/,
  },
  'route-to-itself': {
    kind: 'DestinationPolicy',
    spec: { ...MAIN, match: { domains: ['b.test'] }, routes: [{ host: 'main-ingress.mail.svc', port: 587 }] },
    reason: 'RouteToItself',
    says: /spec\.routes must not name main-ingress\.mail\.svc/,
  },
  'credential-of-no-cluster': {
    kind: 'SendingCredential',
    spec: { clusterRef: { name: 'absent' } },
    reason: 'ClusterMissing',
    says: /make it/,
  },
  'credential-not-granted': {
    kind: 'SendingCredential',
    spec: ELSEWHERE,
    reason: 'ClusterRefused',
    says: /does not grant namespace mail/,
  },
  'password-of-no-secret': {
    kind: 'SendingCredential',
    spec: { ...MAIN, secretRef: { name: 'absent', key: 'password' } },
    reason: 'SecretMissing',
    says: /no key password of Secret mail\/absent: make it/,
  },
  'other-key-of-a-password': {
    kind: 'SendingCredential',
    spec: { ...MAIN, secretRef: { name: 'texts', key: 'password' } },
    reason: 'SecretMissing',
    says: /no key password of Secret mail\/texts: make it/,
  },
  'password-of-lines': {
    kind: 'SendingCredential',
    spec: { ...MAIN, secretRef: { name: 'texts', key: 'lines' } },
    reason: 'SecretMissing',
    says: /key lines of Secret mail\/texts: .*line/,
  },
  'credential-for-no-domain': {
    kind: 'SendingCredential',
    spec: { ...MAIN, domainRefs: [{ name: 'absent' }] },
    reason: 'DomainMissing',
    says: /no SendingDomain mail\/absent: make it/,
  },
  'credential-that-is-over': {
    kind: 'SendingCredential',
    spec: { ...MAIN, expiresAt: '2020-01-01T00:00:00Z' },
    reason: 'Expired',
    says: /set a later one/,
  },
  'credential-of-a-taken-name': {
    kind: 'SendingCredential',
    spec: MAIN,
    reason: 'NameTaken',
    says: /remove it, or give/,
  },
  'sink-of-no-cluster': {
    kind: 'EventSink',
    spec: { clusterRef: { name: 'absent' }, webhook: HOOK },
    reason: 'ClusterMissing',
    says: /make it/,
  },
  'sink-not-granted': {
    kind: 'EventSink',
    spec: { ...ELSEWHERE, webhook: HOOK },
    reason: 'ClusterRefused',
    says: /does not grant namespace mail/,
  },
  'sink-without-its-key': {
    kind: 'EventSink',
    spec: { ...MAIN, webhook: { ...HOOK, signingRef: { name: 'absent', key: 'key' } } },
    reason: 'SecretMissing',
    says: /Secret mail\/absent/,
  },
  'sink-with-another-key': {
    kind: 'EventSink',
    spec: { ...MAIN, webhook: { ...HOOK, signingRef: { name: 'texts', key: 'key' } } },
    reason: 'SecretInvalid',
    says: /signingRef must name whsec_/,
  },
  'sink-with-other-headers': {
    kind: 'EventSink',
    spec: { ...MAIN, webhook: { ...HOOK, headersRef: { name: 'texts', key: 'headers' } } },
    reason: 'SecretInvalid',
    says: /headersRef must name at most/,
  },
  'sink-nobody-answers-at': {
    kind: 'EventSink',
    spec: { ...MAIN, webhook: { url: 'https://127.0.0.1:1/nobody' } },
    reason: 'NotDelivered',
    says: /read events by the admin API/,
  },
};

const ROWS = Object.entries(TABLE);
/** Of each resource, with what is made, read and said of all the others meanwhile. */
const MOST_LOOKS = 12;
const placeOf = ([name, { namespace = 'mail' }]: readonly [string, Wrong]): string =>
  `${namespace}/${name === 'name-of-a-child-taken' ? 'taken' : name}`;

beforeAll(async () => {
  ({ site, zone, operator } = await operatedScene(stage, ['mail', 'tenant', 'elsewhere']));
}, 120_000);

function secret(name: string, texts: Readonly<Record<string, string>>): Promise<void> {
  const entries = Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')] as const);
  const metadata = { name, namespace: 'mail' };
  return site.apply(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: Object.fromEntries(entries) });
}

/** As if its pods were ready. */
async function runs(name: string): Promise<void> {
  const metadata = { name, namespace: 'mail' };
  const found = await site.kube.get({ type: DEPLOYMENTS, ...metadata });
  const counts = { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 };
  const status = { observedGeneration: found?.metadata.generation ?? 1, ...counts };
  await site.kube.applyStatus(DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, status }, 'test');
}

const nameOfGood = (kind: Kind): string => (kind === 'SendingDomain' || kind === 'DestinationPolicy' ? 'good' : 'main');
const good = (kind: Kind): Promise<KubeObject | undefined> => site.object(kind, `mail/${nameOfGood(kind)}`);

let asked = 0;
/** What people and pods do until all is well. */
async function help(): Promise<void> {
  zone.publish(statusOf(await good('SendingDomain')));
  const annotations = { 'postfleet.io/reconcile-at': String((asked += 1)) };
  await site.declare('SendingDomain', 'mail/good', { ...DOMAIN, domain: 'good.test' }, annotations);
  const keyring = await wholeKeyring(site.kube, 'mail');
  for (const component of ['ingress', 'worker'] as const) {
    await runs(`main-${component}`);
    await reportKeyring(site.kube, 'mail', component, keyring);
  }
}

const isGood = async (): Promise<boolean> => {
  const all = await Promise.all(
    GOOD.map(async ([kind]) => (await site.conditions(kind, `mail/${nameOfGood(kind)}`)).includes(goodCondition(kind))),
  );
  return all.every(Boolean);
};

/** All that is said of them, but which pods have the newest keyring: that is another with each credential. */
const saidOfGood = (): Promise<unknown[]> =>
  Promise.all(
    GOOD.map(async ([kind]) => {
      const found = await good(kind);
      const conditions = found && conditionsOf(found).filter(({ type }) => type !== 'KeyringCurrent');
      return { ...(found?.['status'] as object), conditions };
    }),
  );

/** Of all controllers. */
async function counted(name: string): Promise<number> {
  const lines = (await operator.metrics()).split('\n').filter((it) => it.startsWith(`controller_runtime_${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Resolves when nothing was looked at for a while. */
async function isQuiet(): Promise<void> {
  let [looks, since] = [-1, performance.now()];
  await until(
    'nothing is looked at',
    async () => {
      const now = await counted('reconcile_total');
      if (now !== looks) [looks, since] = [now, performance.now()];
      return performance.now() - since > 3000;
    },
    60_000,
  );
}

test('what is as it should be becomes ready', async () => {
  for (const [kind, spec] of GOOD) await site.declare(kind, `mail/${nameOfGood(kind)}`, spec);
  await until('the Deployments are there', () =>
    site.kube.get({ type: DEPLOYMENTS, namespace: 'mail', name: 'main-ingress' }),
  );
  let since = 0;
  await until(
    'all of them are good',
    async () => {
      if (performance.now() - since > 1000) {
        await help();
        since = performance.now();
      }
      return isGood();
    },
    90_000,
  );
  await isQuiet();
  expect(await isGood()).toBe(true);
}, 180_000);

test(`${ROWS.length} resources that are wrong are told so, with what to do; others are left as they are`, async () => {
  const [one, two] = await Promise.all([selfMadeCertificate(['one.test']), selfMadeCertificate(['two.test'])]);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  await secret('garbage', { 'tls.crt': 'garbage', 'tls.key': 'garbage' });
  await secret('mixed', { 'tls.crt': one.cert, 'tls.key': two.key });
  await secret('texts', { key: 'no key', 'rsa.pem': String(rsa), lines: 'one\ntwo', headers: 'Host: elsewhere' });
  await secret('credential-of-a-taken-name-credential', { password: 'theirs' });
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'taken-ingress', namespace: 'mail' } };
  await site.apply(SERVICES, { ...service, spec: { ports: [{ port: 1 }] } });
  await site.declare('MTACluster', 'elsewhere/closed', { queue: NATS });
  await isQuiet();
  const before = await saidOfGood();
  const looks = await counted('reconcile_total');
  for (const row of ROWS) {
    const [name, { kind, spec, annotations }] = row;
    const domain = kind === 'SendingDomain' ? { domain: `${name}.test` } : {};
    await site.declare(kind, placeOf(row), { ...domain, ...spec }, annotations);
  }
  const said = async (row: (typeof ROWS)[number]): Promise<string> => {
    const found = await site.object(row[1].kind, placeOf(row));
    const ready = found && conditionsOf(found).find(({ type }) => type === 'Ready');
    return ready ? `${ready.status} ${ready.reason}: ${ready.message}` : 'nothing';
  };
  const isSaid = async (row: (typeof ROWS)[number]): Promise<boolean> => {
    const text = await said(row);
    return text.startsWith(`False ${row[1].reason}: `) && row[1].says.test(text);
  };
  const left = new Map(ROWS.map((row) => [row[0], row]));
  await until(
    'each is told',
    async () => {
      for (const row of left.values()) if (await isSaid(row)) left.delete(row[0]);
      return left.size === 0;
    },
    60_000,
  ).catch(() => undefined);
  expect(Object.fromEntries(await Promise.all([...left].map(async ([name, row]) => [name, await said(row)])))).toEqual(
    {},
  );
  await isQuiet();
  expect(await saidOfGood()).toEqual(before);
  const more = (await counted('reconcile_total')) - looks;
  process.stdout.write(
    `${ROWS.length} wrong resources: ${more} looks, ${await counted('reconcile_errors_total')} failed\n`,
  );
  expect(more).toBeLessThan(MOST_LOOKS * (ROWS.length + GOOD.length));
  expect(operator.program.exit).toBeUndefined();
  expect(await counted('reconcile_errors_total')).toBe(0);
}, 240_000);
