/**
 * Limits and quotas shared with other processes, where the `MTACluster` names a Redis: opens them with its secrets, watches them.
 *
 * Read once, at the start. Redis need not be there: until it is, this process goes at its share.
 */
import { keyOf } from '#crds/resource.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { watchGauge } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { QuotaCount, Quotas } from '../accept/quota.ts';
import { SharedQuotas, type SharedQuotasOptions } from '../accept/shared-quota.ts';
import { declaredSecret } from '../declared/declared-secret.ts';
import type { Notebook } from '../mail/notebook.ts';
import type { Limits } from '../schedule/limits/limits.ts';
import { RedisLimits, type RedisLimitsOptions } from '../schedule/limits/redis.ts';

export interface SharedLimitsOptions {
  readonly cluster: MTACluster;
  /** Folder of resources, with its secrets. */
  readonly config: string;
  /** This process's name over restarts. */
  readonly hostname: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Bytes of a holder's name. */
const NAME = 9;

export class SharedLimits {
  readonly #options: Omit<RedisLimitsOptions, 'notebook'>;
  readonly #quotas: Omit<SharedQuotasOptions, 'redis' | 'own'>;
  #limits: RedisLimits | undefined;

  private constructor(
    options: Omit<RedisLimitsOptions, 'notebook'>,
    quotas: Omit<SharedQuotasOptions, 'redis' | 'own'>,
  ) {
    this.#options = options;
    this.#quotas = quotas;
  }

  /** Undefined when limits are counted in the process. Faults: `secret-missing`. */
  static async open({ cluster, config, hostname, ...world }: SharedLimitsOptions): Promise<SharedLimits | undefined> {
    const { clock, random, log } = world;
    const declared = cluster.spec.limits.redis;
    if (!declared) return undefined;
    const [password, ca] = await Promise.all([
      declaredSecret(declared.passwordRef, config, 'spec.limits.redis.passwordRef'),
      declaredSecret(declared.caRef, config, 'spec.limits.redis.caRef'),
    ]);
    // Only where it is asked for is anything of it loaded.
    const { openRedis } = await import('#lib/redis/redis.ts');
    const prefix = `postfleet:${keyOf(cluster.metadata)}`;
    const limits = {
      redis: openRedis({ url: declared.url, password, ca }),
      clock,
      holder: random.bytes(NAME).toString('base64url'),
      prefix: `${prefix}:limits`,
      expected: Math.max(cluster.spec.workers.replicas, 1),
      told: (reason: string | undefined) => tell(log, reason),
    };
    const processes = Math.max(cluster.spec.ingress.replicas, 1);
    return new SharedLimits(limits, { holder: hostname, prefix: `${prefix}:quotas`, processes });
  }

  /** The limits themselves; `notebook` is of what is known to be spent. To be called once. */
  readonly limits = (notebook: Notebook): Limits => {
    const limits = new RedisLimits({ ...this.#options, notebook });
    watchGauge('limitsReachable', () => Number(limits.state.isReachable));
    watchGauge('limitsBlocks', () => limits.state.blocks);
    watchGauge('limitsLocalShare', () => limits.state.shares);
    this.#limits = limits;
    return limits;
  };

  /** Quotas of all that take mail, on what is counted here. */
  readonly quotas = (own: Quotas): QuotaCount => new SharedQuotas({ ...this.#quotas, redis: this.#options.redis, own });

  /** For readiness: mail goes on without Redis, so that it is never a reason to send nobody here. */
  get part(): { readonly part: string; readonly ready: true; readonly reason?: string } {
    const isAway = this.#limits?.state.isReachable === false;
    const why = this.#options.redis.trouble;
    return { part: 'limits', ready: true, ...(isAway && { reason: `Redis is away: ${why ?? 'it does not answer'}` }) };
  }

  /** Gives everything back. */
  async close(): Promise<void> {
    if (this.#limits) await this.#limits.close();
    else this.#options.redis.close();
  }
}

function tell(log: Log, reason: string | undefined): void {
  if (reason === undefined) log.info('limits are shared through Redis');
  else log.warn('Redis is away: limits go at the share of this process', { reason });
}
