/**
 * From a lane to its plan: what is declared for where its mail goes, as claims on limits.
 *
 * Pure but for asking where a domain's mail goes, which may take a while; then the answer is a promise to wait for.
 */
import { type LaneName, parseLane } from '../queue/queue.ts';
import type { Destination, Destinations } from './destination.ts';
import type { Claim, SlotClaim } from './limits/limits.ts';
import type { Plan } from './plan.ts';
import type { Whereabouts } from './whereabouts.ts';

export interface PlansOptions {
  /** The destinations of the newest resources. */
  readonly destinations: () => Destinations;
  readonly whereabouts: Pick<Whereabouts, 'of' | 'last'>;
}

export class Plans {
  readonly #options: PlansOptions;

  constructor(options: PlansOptions) {
    this.#options = options;
  }

  of(lane: LaneName): Plan | Promise<void> {
    const { pool, domain, from } = parseLane(lane);
    const destinations = this.#options.destinations();
    const hosts = destinations.isRouted(domain) ? [] : this.#options.whereabouts.of(domain);
    return hosts instanceof Promise ? hosts : planOf(pool, from, destinations.of({ domain, hosts }));
  }

  /** What holds for a domain's mail, by what was known last of where it goes: mail on its way keeps its rules. */
  destination(domain: string): Destination {
    const destinations = this.#options.destinations();
    const hosts = destinations.isRouted(domain) ? [] : this.#options.whereabouts.last(domain);
    return destinations.of({ domain, hosts });
  }
}

function planOf(pool: string, from: string | undefined, destination: Destination): Plan {
  const { site, provider = site, ready, limits, connectionsPerSource } = destination;
  const slots = limits.flatMap(({ name, connections }): SlotClaim[] =>
    connections === undefined ? [] : [{ name, most: connections }],
  );
  return {
    ready: `${pool}${from === undefined ? '' : ` from ${from}`} → ${ready}`,
    site,
    towards: { pool, site, provider, connectionsPerSource, from },
    connections: Math.min(...slots.map((it) => it.most)),
    slots,
    openings: limits.flatMap(({ name, openings }): Claim[] =>
      openings ? [{ kind: 'rate', name: `connections to ${name}`, rate: openings }] : [],
    ),
    rates: limits.flatMap(({ name, rate }): Claim[] => (rate ? [{ kind: 'rate', name, rate }] : [])),
  };
}
