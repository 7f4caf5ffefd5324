/**
 * Where a domain's mail goes, as far as scheduling needs it: the names of its mail exchangers.
 *
 * Answers at once while it is known, else with a promise that it will be. What was found holds for a minute, so that a
 * domain that moves is noticed; the connection itself asks DNS again (`mta/send/resolve.ts`). While more are asked for than
 * may be at a time it holds for ten: mail for a hundred thousand domains waits for longer than a minute, and would find out where it
 * goes again and again and never leave. A domain nobody can say anything about has no hosts, and is a site of its own.
 */
import { isIP } from 'node:net';
import type { MxAnswer, Resolver } from '#lib/dns/resolver.ts';
import { Turns } from '#lib/dns/turns.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import { minutes, seconds } from '#lib/run/clock.ts';

/** Lower case, in order, without the null MX; none when unknown. */
export type Hosts = readonly string[];

interface Known {
  readonly hosts: Hosts;
  /** Monotonic; the second while many are asked for. */
  readonly until: Duration;
  readonly atMost: Duration;
}

export interface WhereaboutsOptions {
  readonly clock: Clock;
  readonly resolver: Pick<Resolver, 'mx'>;
}

const FRESH: Duration = minutes(1);
const FRESH_ENOUGH: Duration = minutes(10);
/** What could not be found out is asked again sooner. */
const UNKNOWN: Duration = seconds(15);
/** Forgotten wholesale above this: asking again is cheap, the resolver remembers. */
const MOST_KNOWN = 200_000;
/**
 * Questions at a time. Mail for thousands of new domains waits here, for as long as it takes: in the resolver it would be too late for
 * an answer, and in the way of connections that ask where to go.
 */
export const MOST_ASKED = 200;

export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<void>>();
  readonly #turns = new Turns(MOST_ASKED);

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  /** `domain` in canonical form, or an address literal. */
  of(domain: string): Hosts | Promise<void> {
    if (domain.startsWith('[')) return [domain];
    const known = this.#known.get(domain);
    if (known && this.#holds(known)) return known.hosts;
    const asked = this.#asked.get(domain) ?? this.#ask(domain);
    this.#asked.set(domain, asked);
    return asked;
  }

  /** What was known last, however old; for mail that is on its way already. */
  last(domain: string): Hosts {
    return domain.startsWith('[') ? [domain] : (this.#known.get(domain)?.hosts ?? []);
  }

  #holds({ until, atMost }: Known): boolean {
    const now = this.#options.clock.monotonic();
    return until > now || (atMost > now && this.#asked.size > MOST_ASKED);
  }

  async #ask(domain: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = this.#turns.take(resolve);
    await promise;
    const answer = await this.#options.resolver.mx(domain);
    leave();
    this.#asked.delete(domain);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const hosts = hostsOf(domain, answer);
    const now = this.#options.clock.monotonic();
    const [until, atMost] = hosts.length > 0 ? [FRESH, FRESH_ENOUGH] : [UNKNOWN, UNKNOWN];
    this.#known.set(domain, { hosts, until: now + until, atMost: now + atMost });
  }
}

function hostsOf(domain: string, answer: MxAnswer): Hosts {
  if (answer.kind === 'none') return [domain];
  if (answer.kind !== 'found') return [];
  const hosts = answer.records.map(({ exchange }) => exchange).filter((it) => it !== '' && isIP(it) === 0);
  return [...new Set(hosts)].toSorted((a, b) => (a < b ? -1 : 1));
}
