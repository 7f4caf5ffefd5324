/**
 * How domains stand as the operator says it in their status: it asks DNS and moves keys on, pods believe it.
 *
 * So that a process which takes mail needs no key that signs, and all pods say the same. While the API server is away it is what was
 * said last. Left to others: judging what a status says (`crds/source/verdict.ts`).
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { keyOf } from '#crds/resource.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { Condition, Standing } from '#lib/domain/conditions.ts';
import type { RecordReport } from '#lib/domain/records.ts';
import { type DomainStatus, proofToPublish } from '#lib/domain/status.ts';
import { watchGauges } from '#lib/run/metrics.ts';
import type { DomainProof } from '../accept/authority.ts';
import type { Declared } from './declared.ts';
import type { DomainAnswers } from './domains.ts';

export interface OperatedDomainsOptions {
  readonly resources: () => Resources;
  readonly declared: Pick<Declared, 'domainStatus'>;
}

/** Of a status, what people are told here too. */
interface Said {
  readonly conditions?: readonly Condition[];
  readonly records?: readonly RecordReport[];
}

const TOLD: ReadonlySet<string> = new Set<Condition['type']>([
  'Ready',
  'Verified',
  'DKIMReady',
  'SPFReady',
  'DMARCReady',
  'ReturnPathReady',
]);

export class OperatedDomains implements DomainAnswers {
  readonly #options: OperatedDomainsOptions;

  private constructor(options: OperatedDomainsOptions) {
    this.#options = options;
  }

  static open(options: OperatedDomainsOptions): OperatedDomains {
    const domains = new OperatedDomains(options);
    watchGauges('domains', () => domains.#counts());
    return domains;
  }

  /** Each question is answered from the newest resources: there is nothing to do. */
  declare(): void {}

  proof(domain: SendingDomain): DomainProof {
    switch (standingOf(domain)) {
      case 'verified':
        return { kind: 'proven' };
      case 'claimed-by-another':
        return { kind: 'taken' };
      default:
        return { kind: 'unproven', publish: proofToPublish(this.#statusOf(domain)) };
    }
  }

  hasKey({ verdict }: SendingDomain): boolean {
    return verdict?.hasKey ?? false;
  }

  async status(resource: string): Promise<DomainStatus | undefined> {
    const domain = this.#options.resources().domain(resource);
    return domain && this.#statusOf(domain);
  }

  /** Asking DNS is the operator's: the annotation `postfleet.io/reconcile-at` has it look now. */
  async named(domain: string): Promise<DomainStatus | undefined> {
    const claims = this.#options.resources().claimsTo(domain);
    const found = claims.find((it) => standingOf(it) === 'verified') ?? claims[0];
    return found && this.#statusOf(found);
  }

  close(): void {}

  #statusOf(domain: SendingDomain): DomainStatus {
    const resource = keyOf(domain.metadata);
    const { conditions = [], records = [] } = (this.#options.declared.domainStatus(resource) ?? {}) as Said;
    return {
      resource,
      domain: domain.spec.domain,
      standing: standingOf(domain),
      conditions: conditions.filter(({ type }) => TOLD.has(type)).map(toldOf),
      records,
    };
  }

  #counts(): Record<Standing, number> {
    const counts = { verified: 0, unverified: 0, excused: 0, 'claimed-by-another': 0 };
    for (const it of this.#options.resources().domains) counts[standingOf(it)] += 1;
    return counts;
  }
}

const standingOf = ({ verdict }: SendingDomain): NonNullable<typeof verdict>['standing'] =>
  verdict?.standing ?? 'unverified';

const toldOf = ({ type, status, reason, message }: Condition): Condition => ({ type, status, reason, message });
