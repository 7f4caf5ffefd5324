/**
 * Looks at the DNS of every domain, for as long as this process leads: what is known of claims comes from the statuses.
 *
 * A status is written by whoever reconciles the domain, who is told after each look. So nothing is kept here.
 */
import type { Claim } from '#lib/domain/claim.ts';
import type { Condition } from '../controller/condition.ts';
import { type Authorities, DomainMonitor, type Watched } from '#lib/domain/monitor.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import { type KubeObject, kubeKey } from '#lib/kube/kube.ts';
import { type Clock, milliseconds, type Timer } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { conditionsOf } from '../controller/status.ts';

export interface LooksOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  readonly authorities: Authorities;
  /** Every `SendingDomain`, as the server has it. */
  readonly domains: () => readonly KubeObject[];
  /** A look has found something, by `namespace/name`. Must not throw. */
  readonly looked: (key: string) => void;
}

/** Many domains change at once when a process begins: they are declared together. */
const GATHER = milliseconds(50);

export class Looks {
  readonly #monitor: DomainMonitor;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;

  private constructor(monitor: DomainMonitor, clock: Clock) {
    this.#monitor = monitor;
    this.#clock = clock;
  }

  /** To be opened when everything was read. */
  static async open({ domains, looked, ...options }: LooksOptions): Promise<Looks> {
    const store = {
      load: async () => domains().flatMap(claimIn),
      save: async () => undefined,
      forget: async () => undefined,
    };
    const monitor = await DomainMonitor.open({
      ...options,
      store,
      looked: ({ resource }) => looked(resource),
      troubled: () => undefined,
    });
    return new Looks(monitor, options.clock);
  }

  /** The last look at a domain; undefined before the first. */
  last(key: string): DomainStatus | undefined {
    const status = this.#monitor.status(key);
    return status?.checkedAt === undefined ? undefined : status;
  }

  /** This domain, as it is now. */
  declare(watched: Watched): void {
    const before = this.#watched.get(watched.resource);
    if (before && JSON.stringify(before) === JSON.stringify(watched)) return;
    this.#watched.set(watched.resource, watched);
    this.#declareSoon();
  }

  drop(key: string): void {
    if (this.#watched.delete(key)) this.#declareSoon();
  }

  /** Asks DNS now. Never rejects. */
  async ask(key: string): Promise<void> {
    await this.#monitor.check(key);
  }

  close(): void {
    this.#timer?.cancel();
    this.#monitor.close();
  }

  #declareSoon(): void {
    this.#timer ??= this.#clock.after(GATHER, () => {
      this.#timer = undefined;
      this.#monitor.declare([...this.#watched.values()]);
    });
  }
}

/** A claim counts from when its resource was made, and is verified since its status says so. */
function claimIn(object: KubeObject): Claim[] {
  const { namespace, name, creationTimestamp = '' } = object.metadata;
  const { domain } = (object['spec'] ?? {}) as { readonly domain?: string };
  if (namespace === undefined || domain === undefined) return [];
  const verified = conditionsOf(object).find(isVerified);
  const latch = verified ? { verifiedAt: Date.parse(verified.lastTransitionTime) } : {};
  return [{ resource: kubeKey({ namespace, name }), domain, claimedAt: Date.parse(creationTimestamp), latch }];
}

const isVerified = ({ type, status, reason }: Condition): boolean =>
  type === 'Verified' && status === 'True' && reason === 'KeySeen';
