/**
 * Ways in which a tenant may try to get what is another's: each in a namespace of its own, granted the cluster or not.
 *
 * `tenant-mta` has the cluster and a pool for namespaces with the label `team: shop`; `tenant-victim` has a domain that is proven, a
 * pool, a credential, and a Secret that is nobody else's.
 */
import type { Kind } from '#crds/kinds.ts';
import { generateKey } from '#lib/dkim/key.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { SECRETS } from '#operator/types.ts';
import { filesIn, keyringSecrets } from './keyring-pods.ts';
import type { Operated } from './operated.ts';
import { until } from './until.ts';

export interface TenantRoute {
  readonly name: string;
  /** Whether the API server takes what is asked of it. */
  attempt(): Promise<'taken' | 'refused'>;
  /** Whether the tenant has got what is another's. */
  isThrough(): Promise<boolean>;
}

const VICTIM = 'victim.example';
const PRECIOUS = Buffer.from('precious-0815').toString('base64');
const MAIN = { name: 'main', namespace: 'tenant-mta' };
const ED = { algorithms: ['Ed25519'] };
const MEMBERS = [{ name: 'one', address: '192.0.2.1', egress: 'Local' }];
const SHOP = { team: 'shop' };

/** `prove` publishes what the domain's status says. */
export async function tenantRoutes(
  site: Operated,
  prove: (domain: KubeObject | undefined) => Promise<void>,
): Promise<TenantRoute[]> {
  await stage(site, prove);
  return new Routes(site).all();
}

async function stage(site: Operated, prove: (domain: KubeObject | undefined) => Promise<void>): Promise<void> {
  const namespaces = { from: 'Selector', selector: { matchLabels: SHOP } };
  await site.namespace('tenant-mta');
  await site.namespace('tenant-victim', SHOP);
  const queue = { nats: { servers: ['nats://nats:4222'] } };
  await site.declare('MTACluster', 'tenant-mta/main', { queue, namespaces });
  await site.declare('IPPool', 'tenant-mta/main', { clusterRef: { name: 'main' }, members: MEMBERS, namespaces });
  await site.declare('IPPool', 'tenant-victim/own', { clusterRef: MAIN, members: MEMBERS });
  await site.declare('SendingCredential', 'tenant-victim/app', { clusterRef: MAIN });
  await site.apply(SECRETS, secretOf('tenant-victim', 'precious', { key: PRECIOUS }));
  let looks = 0;
  await until(
    'the victim is proven',
    async () => {
      const spec = { domain: VICTIM, poolRef: MAIN, dkim: ED };
      await site.declare('SendingDomain', 'tenant-victim/own', spec, {
        'postfleet.io/reconcile-at': `${(looks += 1)}`,
      });
      await prove(await site.object('SendingDomain', 'tenant-victim/own'));
      return (await site.conditions('SendingDomain', 'tenant-victim/own')).includes('Verified=True KeySeen');
    },
    60_000,
  );
}

const secretOf = (namespace: string, name: string, data: object, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  data,
  ...more,
});

class Routes {
  readonly #site: Operated;
  readonly #routes: TenantRoute[] = [];

  constructor(site: Operated) {
    this.#site = site;
  }

  async all(): Promise<TenantRoute[]> {
    for (const isGranted of [true, false]) {
      this.#squat(isGranted);
      this.#capture(isGranted);
    }
    this.#spell();
    this.#skip();
    this.#readSecrets();
    this.#usePools();
    this.#useClusters();
    await this.#forge();
    return this.#routes;
  }

  /** A resource in a namespace of its own; through when a condition says so. */
  #try(name: string, isGranted: boolean, kind: Kind, spec: object, through: RegExp, before?: Before): void {
    const namespace = `tenant-${this.#routes.length}`;
    const site = this.#site;
    this.#routes.push({
      name: `${name}${isGranted ? '' : ', without a grant'}: ${JSON.stringify(spec)}`,
      attempt: async () => {
        await site.namespace(namespace, isGranted ? SHOP : {});
        await before?.(namespace);
        // What people write on a resource of theirs is no label of the namespace.
        return site.declare(kind, `${namespace}/try`, spec, SHOP).then(
          () => 'taken',
          (thrown: Error) => {
            if (!thrown.message.includes('"refused"')) throw thrown;
            return 'refused';
          },
        );
      },
      isThrough: async () => {
        const said = await site.conditions(kind, `${namespace}/try`);
        return said.some((it) => through.test(it)) || this.#hasLeaked(namespace);
      },
    });
  }

  /** Whether the victim's Secret is in another of this namespace, or in the keyring. */
  async #hasLeaked(namespace: string): Promise<boolean> {
    const { objects } = await this.#site.kube.list(SECRETS, { namespace });
    const files = (await keyringSecrets(this.#site.kube, 'tenant-mta')).flatMap((it) =>
      Array.from(filesIn(it).values()),
    );
    const plain = Buffer.from(PRECIOUS, 'base64').toString();
    return (
      objects.some((it) => JSON.stringify(it).includes(PRECIOUS)) ||
      files.some((it) => it.includes(plain) || it.includes(PRECIOUS))
    );
  }

  #squat(isGranted: boolean): void {
    const own: Before = (namespace) =>
      this.#site.declare('IPPool', `${namespace}/own`, { clusterRef: MAIN, members: MEMBERS });
    for (const verification of ['Required', 'Skip'])
      for (const poolRef of [MAIN, { name: 'own' }]) {
        const spec = { domain: VICTIM, poolRef, verification, dkim: ED };
        this.#try('a proven domain', isGranted, 'SendingDomain', spec, /^Verified=True/, own);
      }
  }

  #spell(): void {
    for (const domain of [
      'Victim.example',
      'victim.example.',
      ' victim.example',
      'victim。example',
      'victim.example\n',
    ])
      this.#try('another spelling', true, 'SendingDomain', { domain, poolRef: MAIN }, /^Verified=True/);
  }

  #skip(): void {
    for (const isGranted of [true, false]) {
      const spec = { domain: `own-${String(isGranted)}.example`, poolRef: MAIN, verification: 'Skip', dkim: ED };
      this.#try('no proof', isGranted, 'SendingDomain', spec, /^Verified=True/);
    }
  }

  #readSecrets(): void {
    const refs = [
      { name: 'precious', key: 'key', namespace: 'tenant-victim' },
      { name: 'tenant-victim/precious', key: 'key' },
      { name: '../tenant-victim/precious', key: 'key' },
      { name: 'precious', key: 'key' },
    ];
    const webhook = { url: 'https://evil.example/' };
    for (const ref of refs) {
      const dkim = { ...ED, existingKeys: [{ selector: 's', algorithm: 'Ed25519', secretRef: ref }] };
      const proxied = [{ ...MEMBERS[0], egress: 'Proxy', proxy: { url: 'socks5://evil.example:1080', authRef: ref } }];
      const all: readonly (readonly [Kind, object])[] = [
        ['SendingCredential', { clusterRef: MAIN, secretRef: ref }],
        ['SendingDomain', { domain: 'own.example', poolRef: MAIN, dkim }],
        ['EventSink', { clusterRef: MAIN, webhook: { ...webhook, signingRef: ref } }],
        ['EventSink', { clusterRef: MAIN, webhook: { ...webhook, headersRef: ref } }],
        ['IPPool', { clusterRef: MAIN, members: proxied }],
      ];
      for (const [kind, spec] of all) this.#try('a Secret', true, kind, spec, /^nothing$/);
    }
  }

  #usePools(): void {
    const domain = (poolRef: object) => ({ domain: 'own.example', poolRef, dkim: ED });
    const victims = { name: 'own', namespace: 'tenant-victim' };
    this.#try('a pool', false, 'SendingDomain', domain(MAIN), /^PoolAccepted=True/);
    for (const isGranted of [true, false])
      this.#try('a pool', isGranted, 'SendingDomain', domain(victims), /^PoolAccepted=True/);
    for (const overflowPoolRef of [victims, { name: 'tenant-victim/own' }]) {
      const spec = { clusterRef: MAIN, members: MEMBERS, overflowPoolRef };
      this.#try('an overflow', true, 'IPPool', spec, /^Ready=True/);
    }
  }

  #useClusters(): void {
    const webhook = { url: 'https://evil.example/' };
    const namespaces = { from: 'All' };
    this.#try('a cluster', false, 'IPPool', { clusterRef: MAIN, members: MEMBERS, namespaces }, /^Accepted=True/);
    this.#try('a cluster', false, 'SendingCredential', { clusterRef: MAIN }, /^Accepted=True/);
    this.#try('a cluster', false, 'EventSink', { clusterRef: MAIN, webhook }, /^Accepted=True/);
  }

  #capture(isGranted: boolean): void {
    const matches = [{ all: {} }, { domains: [VICTIM] }, { mxSuffixes: [VICTIM] }, { provider: 'google' }];
    const routes = [{ host: 'mx.evil.example', port: 25 }];
    for (const match of matches)
      for (const clusterRef of [{ name: 'main' }, MAIN])
        this.#try('mail', isGranted, 'DestinationPolicy', { clusterRef, match, routes }, /^Accepted=True/);
  }

  /** Objects that look as if the operator had made them. */
  async #forge(): Promise<void> {
    const labels = { 'app.kubernetes.io/managed-by': 'postfleet-operator' };
    const encode = (all: Record<string, string>) =>
      Object.fromEntries(Object.entries(all).map(([name, text]) => [name, Buffer.from(text).toString('base64')]));
    const forged = (
      namespace: string,
      name: string,
      type: string,
      data: object,
      annotations: object = {},
    ): Promise<void> =>
      this.#site.apply(
        SECRETS,
        secretOf(namespace, name, data, { type, metadata: { name, namespace, labels, annotations } }),
      );
    const pem = await generateKey('Ed25519');
    const key = {
      selector: 'pf1e',
      algorithm: 'Ed25519',
      revision: '1',
      domain: VICTIM,
      madeAt: '2026-01-01T00:00:00Z',
    };
    const moments = { 'postfleet.io/phase': 'Active', 'postfleet.io/phase-since': '2026-01-01T00:00:00Z' };
    this.#try(
      'a key',
      true,
      'SendingDomain',
      { domain: VICTIM, poolRef: MAIN, dkim: ED },
      /^Verified=True/,
      (namespace) =>
        forged(namespace, 'try-dkim-e1', 'postfleet.io/dkim-key', encode({ ...key, 'private.pem': pem }), {
          'postfleet.io/sending-domain': 'try',
          ...moments,
        }),
    );
    const record = { v: 1, username: 'tenant-victim.app', secret: { kind: 'sha256', hash: PRECIOUS } };
    for (const [name, spec] of [
      ['try-proof', { clusterRef: MAIN, secretRef: { name: 'nowhere', key: 'key' } }],
      ['try-credential', { clusterRef: MAIN }],
    ] as const)
      this.#try('a credential', true, 'SendingCredential', spec, /^Loaded=True/, (namespace) =>
        forged(namespace, name, 'postfleet.io/credential-proof', encode({ 'record.json': JSON.stringify(record) })),
      );
    this.#try(
      'a sink',
      true,
      'EventSink',
      { clusterRef: MAIN, webhook: { url: 'https://evil.example/' } },
      /^nothing$/,
      (namespace) =>
        forged(
          namespace,
          'main-keyring-sinks',
          'postfleet.io/keyring',
          encode({ 'bundle.json': '{"v":1,"files":{}}' }),
        ),
    );
  }
}

type Before = (namespace: string) => Promise<void>;
