/**
 * Composition root of domain verification: the declared domains, what each needs in DNS, and who is told how it stands.
 *
 * A log line for each change of what people act on, a gauge, and answers for admission, the admin API and tenants.
 */
import { returnPathHostOf, type SendingDomain } from '#crds/kinds/sending-domain.ts';
import { keyOf } from '#crds/resource.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import { claimStore } from '#lib/domain/claim-store.ts';
import { type Authorities, DomainMonitor, type Watched } from '#lib/domain/monitor.ts';
import type { DomainNeeds } from '#lib/domain/records.ts';
import { type DomainStatus, maySend, proofToPublish } from '#lib/domain/status.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Clock } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { watchGauges } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { DomainProof } from '../accept/authority.ts';

export interface DomainsOptions {
  readonly database: Database;
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  readonly resolver: Resolver;
  readonly authorities?: Authorities;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Our own name: where bounces are taken. */
  readonly hostname: string;
}

/** How domains stand, for admission, the admin API and tenants; who asks need not know who found out. */
export type DomainAnswers = Pick<Domains, 'declare' | 'proof' | 'hasKey' | 'status' | 'named' | 'close'>;

export class Domains {
  readonly #options: DomainsOptions;
  readonly #monitor: DomainMonitor;

  private constructor(options: DomainsOptions, monitor: DomainMonitor) {
    this.#options = options;
    this.#monitor = monitor;
  }

  /** Knows what earlier runs knew; looks at DNS in its own time. */
  static async open(options: DomainsOptions): Promise<Domains> {
    const { database, log, ...others } = options;
    const looked = teller(log);
    const troubled = (thrown: unknown): void =>
      log.error('the state of a domain cannot be written', { reason: reasonOf(thrown) });
    const monitor = await DomainMonitor.open({ ...others, store: claimStore(database), looked, troubled });
    const domains = new Domains(options, monitor);
    domains.declare();
    watchGauges('domains', () => monitor.counts());
    return domains;
  }

  /** The resources or keys have changed. */
  declare(): void {
    const resources = this.#options.resources();
    this.#monitor.declare(resources.domains.map((it) => watchedOf(it, resources, this.#options)));
  }

  proof(domain: SendingDomain): DomainProof {
    const resource = keyOf(domain.metadata);
    const standing = this.#monitor.standing(resource) ?? 'unverified';
    if (maySend({ standing })) return { kind: 'proven' };
    if (standing === 'claimed-by-another') return { kind: 'taken' };
    const status = this.#monitor.status(resource);
    return { kind: 'unproven', publish: status && proofToPublish(status) };
  }

  /** Whether a message of the domain could be signed now. */
  hasKey({ spec, metadata }: SendingDomain): boolean {
    return this.#options.keyring().signingKeys(spec.domain, metadata.namespace).length > 0;
  }

  /** By `namespace/name`. DNS is asked when it has not been before. */
  async status(resource: string): Promise<DomainStatus | undefined> {
    const status = this.#monitor.status(resource);
    return status?.checkedAt === undefined ? this.#monitor.check(resource) : status;
  }

  /** By domain, as who holds it or claims it first; DNS is asked `now`, or when it has not been before. */
  async named(domain: string, now: boolean): Promise<DomainStatus | undefined> {
    const claims = this.#options.resources().claimsTo(domain);
    if (now) await Promise.all(claims.map((it) => this.#monitor.check(keyOf(it.metadata))));
    const found = claims.find((it) => this.proof(it).kind === 'proven') ?? claims[0];
    return found && this.status(keyOf(found.metadata));
  }

  close(): void {
    this.#monitor.close();
  }
}

function watchedOf(domain: SendingDomain, resources: Resources, options: DomainsOptions): Watched {
  return {
    resource: keyOf(domain.metadata),
    isExcused: domain.spec.verification === 'Skip',
    needs: needsOf(domain, resources, options),
  };
}

function needsOf(
  domain: SendingDomain,
  resources: Resources,
  { keyring, hostname }: Pick<DomainsOptions, 'keyring' | 'hostname'>,
): DomainNeeds {
  const { metadata, spec } = domain;
  const pool = resources.pool(
    keyOf({ namespace: spec.poolRef.namespace ?? metadata.namespace, name: spec.poolRef.name }),
  );
  const spfName = pool?.spec.spfName;
  return {
    domain: spec.domain,
    keys: keyring()
      .signingKeys(spec.domain, metadata.namespace)
      .map(({ selector, record }) => ({ selector, record })),
    returnPathHost: returnPathHostOf(domain),
    bounceHost: hostname,
    pool: {
      ...(spfName !== undefined && { spfName }),
      addresses: (pool?.spec.members ?? []).map(({ address }) => address),
    },
    apexSpf: spec.dns.apex === 'Manage',
    dmarc: spec.dmarc,
  };
}

/** Says once what has changed for people: how a domain stands, and what is to be done. */
function teller(log: Log): (status: DomainStatus) => void {
  const told = new Map<string, string>();
  return (status) => {
    const { resource, domain, standing, checkedAt } = status;
    const [ready] = status.conditions;
    const { reason = '', message = '' } = ready ?? {};
    const news = `${domain} ${standing} ${reason} ${message}`;
    if (checkedAt === undefined || told.get(resource) === news) return;
    told.set(resource, news);
    const level = ready?.status === 'True' ? 'info' : 'warn';
    log[level]('how a domain stands has changed', { resource, domain, standing, reason, message });
  };
}

/** What admission and senders ask. */
export const domainsAsked = (domains: DomainAnswers) => ({
  hasKey: (domain: SendingDomain) => domains.hasKey(domain),
  proof: (domain: SendingDomain) => domains.proof(domain),
  domainStatus: (resource: string) => domains.status(resource),
});
