/**
 * The proxies that members of pools leave through: where they are, and the secrets that resources name for them.
 *
 * Secrets are read anew after a while, so that a login or an authority that changes needs no restart. One that is missing rests the
 * source and is told as the reason; its text never is. Only pools beside the `MTACluster` may name proxies: whoever has a pool
 * elsewhere would have us connect to hosts, and hand over secrets, that are not his. The proxies of nodes are the operator's word, whatever
 * pool an address is of; they have one certificate for one name, because nodes come and go.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SecretRef } from '#crds/parts.ts';
import type { Resources } from '#crds/source/resources.ts';
import { readSecret } from '#lib/keyring/chosen-secret.ts';
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import { loginOf } from '#lib/socks/login.ts';
import type { EgressSource } from '../schedule/source.ts';
import type { Proxy, ProxyAccess } from '../send/proxied.ts';
import { type ClientContext, clientContext } from '../send/tls.ts';

export interface ProxiesOptions {
  readonly resources: () => Resources;
  /** Folder of resources, with the secrets they name; absent: there are none. */
  readonly config?: string | undefined;
  readonly clock: Clock;
}

type Access = ProxyAccess | { readonly problem: string };

/** Where the proxies listen that name no port. */
const PORT = 1080;
/** What the certificate of nodes' proxies has to be for. */
const NODE_NAME = 'postfleet-egress';
const FRESH: Duration = seconds(10);

const FOREIGN = {
  problem: 'is not asked: only an IPPool in the namespace of its MTACluster may name a proxy',
} as const;

export class Proxies {
  readonly #options: ProxiesOptions;
  /** By what they are made of; few: as many as there are proxies. */
  readonly #known = new Map<string, { readonly access: Promise<Access>; readonly until: Duration }>();
  /** Of the newest authority: it takes longer to make than a handshake. */
  #trust: { readonly ca: string | undefined; readonly context: ClientContext } | undefined;

  constructor(options: ProxiesOptions) {
    this.#options = options;
  }

  /** Undefined when the source's address is this machine's. */
  of({ name, proxy }: Pick<EgressSource, 'name' | 'proxy'>): Proxy | undefined {
    if (!proxy) return undefined;
    const isAllowed = (): boolean => proxy.isOfNode === true || this.#isOurs(name);
    const access = (): Promise<Access> => (isAllowed() ? this.#access(proxy) : Promise.resolve(FOREIGN));
    return { name: new URL(proxy.url).host, access };
  }

  /** `namespace/pool/member`. */
  #isOurs(source: string): boolean {
    const [cluster] = this.#options.resources().clusters;
    return cluster !== undefined && source.startsWith(`${cluster.metadata.namespace}/`);
  }

  #access(proxy: NonNullable<EgressSource['proxy']>): Promise<Access> {
    const { clock, resources } = this.#options;
    const [cluster] = resources().clusters;
    const key = JSON.stringify([proxy, cluster?.spec.egress]);
    const now = clock.monotonic();
    const known = this.#known.get(key);
    if (known && known.until > now) return known.access;
    for (const [old, { until }] of this.#known) if (until <= now) this.#known.delete(old);
    const access = this.#read(proxy, cluster).catch((thrown: unknown) => ({
      problem: `cannot be reached: its secrets cannot be read: ${reasonOf(thrown)}`,
    }));
    this.#known.set(key, { access, until: now + FRESH });
    return access;
  }

  async #read(
    { url, authRef, isOfNode }: NonNullable<EgressSource['proxy']>,
    cluster: MTACluster | undefined,
  ): Promise<Access> {
    const { hostname, port, protocol } = new URL(url);
    const place = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? PORT : Number(port) };
    const isSecure = protocol === 'socks5s:';
    const [auth, ca] = await Promise.all([
      this.#secret(authRef ?? cluster?.spec.egress.authRef),
      this.#secret(isSecure ? cluster?.spec.egress.tlsCARef : undefined),
    ]);
    for (const it of [auth, ca]) if (it.kind === 'absent') return { problem: `cannot be reached: ${it.problem}` };
    const login = auth.kind === 'found' ? loginOf(auth.text) : undefined;
    if (auth.kind === 'found' && !login) return { problem: 'cannot be reached: its authRef must hold user:password' };
    const context = isSecure ? this.#trusting(ca.kind === 'found' ? ca.text : undefined) : undefined;
    return { ...place, login, context, ...(isOfNode && { provenName: NODE_NAME }) };
  }

  #trusting(ca: string | undefined): ClientContext {
    if (!this.#trust || this.#trust.ca !== ca)
      this.#trust = { ca, context: clientContext(ca === undefined ? ca : [ca]) };
    return this.#trust.context;
  }

  async #secret(ref: SecretRef | undefined) {
    const { config } = this.#options;
    if (!ref) return { kind: 'none' } as const;
    if (config === undefined) return { kind: 'absent', problem: 'this process has no folder of secrets' } as const;
    return readSecret(config, ref);
  }
}
