/**
 * What the newest resources say of a mail on its way: where it goes, what holds for it there, how long it may wait.
 *
 * Asked anew for each lane and each outcome, so that a change of the resources holds for everything from then on.
 */
import type { Resources } from '#crds/source/resources.ts';
import { shippedPolicies } from '#crds/shipped.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import type { Course } from '../mail/firing.ts';
import { dueOf } from '../mail/message.ts';
import { type LaneName, type Lease, type Life, parseLane } from '../queue/queue.ts';
import { ReplyRules } from './reply-rules.ts';
import { type Destination, Destinations } from '../schedule/destination.ts';
import type { Plan } from '../schedule/plan.ts';
import { Plans } from '../schedule/plans.ts';
import { nextAttempt, spreadOf } from '../schedule/retry.ts';
import { Whereabouts } from '../schedule/whereabouts.ts';
import type { Rule } from '../settle/rules/rule.ts';

export interface DirectionsOptions {
  readonly resources: () => Resources;
  readonly resolver: Resolver;
  readonly clock: Clock;
}

/** Made anew when the resources change. */
interface Tables {
  readonly of: Resources;
  readonly destinations: Destinations;
  readonly replies: ReplyRules;
}

export class Directions {
  readonly #options: DirectionsOptions;
  readonly #plans: Plans;
  #tables: Tables | undefined;

  constructor(options: DirectionsOptions) {
    this.#options = options;
    this.#plans = new Plans({
      destinations: () => this.#table().destinations,
      whereabouts: new Whereabouts(options),
    });
  }

  /** As declared; while it is being found out, when to ask again. */
  planOf(lane: LaneName): Plan | Promise<void> {
    return this.#plans.of(lane);
  }

  /** What holds for a lane's mail, by what was known last of where it goes. */
  destination(lane: LaneName): Destination {
    return this.#plans.destination(parseLane(lane).domain);
  }

  /** The rules for what a host says, in the order they are tried. */
  rulesOf({ lane }: Lease, host: string | undefined): readonly Rule[] {
    return this.#table().replies.of(parseLane(lane).domain, hostNameOf(host));
  }

  courseOf({ lane, message: { tenant, domain } }: Lease, source: string | undefined): Course {
    const { pool } = parseLane(lane);
    const { site, provider = site } = this.destination(lane);
    return { site, provider, tenant, domain, pool, source };
  }

  onInDoubt({ lane }: Lease): Destination['onInDoubt'] {
    return this.destination(lane).onInDoubt;
  }

  expiresAt({ message, lane }: { readonly message: Life; readonly lane: LaneName }): Instant {
    return Math.min(message.expiresAt, dueOf(message) + this.destination(lane).expireAfter);
  }

  nextAttempt(lease: Lease, attempts: number, first?: Duration): Instant | undefined {
    const { clock } = this.#options;
    const { retry } = this.destination(lease.lane);
    const policy = { ...retry, first: first ?? retry.first };
    const spread = spreadOf(lease.message.id, attempts);
    return nextAttempt(attempts, clock.now(), this.expiresAt(lease), policy, spread);
  }

  #table(): Tables {
    const resources = this.#options.resources();
    if (this.#tables?.of !== resources) {
      const { policies } = resources;
      const [cluster] = resources.clusters;
      if (!cluster) throw new Error('a source of resources has an MTACluster');
      const shipped = shippedPolicies();
      const destinations = new Destinations(policies, cluster.spec.defaults, shipped.providers);
      this.#tables = { of: resources, destinations, replies: new ReplyRules(policies, shipped) };
    }
    return this.#tables;
  }
}

/** `mx1.example.net` of `mx1.example.net [192.0.2.1]:25`. */
const hostNameOf = (host: string | undefined): string | undefined => host?.split(' ', 1)[0]?.toLowerCase();
