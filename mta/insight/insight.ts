/**
 * Why mail waits, and what would happen to it now: put together, for people, from the parts that decide it.
 *
 * Looks only: what it asks of limits it gives back, and each look at the queue is bounded, however much waits.
 */
import { keyOf } from '#crds/resource.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { Directions } from '../declared/directions.ts';
import { foremost } from './foremost.ts';
import type { Explanation, Outlook, SendingState, SiteState, WaitingRecipient, Way } from '../mail/explanation.ts';
import type { Firing } from '../mail/firing.ts';
import { domainOf } from '../mail/message.ts';
import { ownPlaces } from '../declared/own-places.ts';
import { type LaneName, laneName, parseLane, type Queue } from '../queue/queue.ts';
import { type QueueFilter, viewQueue } from './queue-rows.ts';
import { replyLine } from '../mail/reply.ts';
import { outlookOf, type OutlookParts } from '../schedule/outlook.ts';
import type { Plan } from '../schedule/plan.ts';
import { resolve } from '../send/resolve.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import { suppressedReply } from '../mail/suppression.ts';

export interface InsightOptions {
  readonly queue: Queue;
  readonly ledger: Pick<Ledger, 'last'>;
  readonly suppressions: Pick<Suppressions, 'match'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  readonly resources: () => Resources;
  readonly hostname: string;
  readonly directions: Directions;
  readonly planOf: (lane: LaneName) => Plan | Promise<void>;
  readonly sites: () => readonly SiteState[];
  readonly restraints: () => readonly Firing[];
  readonly parts: OutlookParts;
}

/** Whose mail is explained; without a tenant everybody's. */
export interface Asked {
  readonly recipient: string;
  readonly tenant?: string | undefined;
  /** Of the sender. */
  readonly domain?: string | undefined;
}

/** Ways that are told of one recipient: more tenants than anybody asks about at once. */
const MOST_WAYS = 20;
/** Entries of a lane that are looked through for one recipient. */
const MOST_LOOKED_AT = 1000;
const MOST_WAITING = 20;
/** More than anybody reads. */
const MOST_SITES = 500;

export class Insight {
  readonly #options: InsightOptions;

  constructor(options: InsightOptions) {
    this.#options = options;
  }

  /** What would happen now to mail for a recipient, in canonical form; no ways when nobody sends so. */
  async explain(asked: Asked): Promise<Explanation> {
    const ways: Way[] = [];
    for (const { tenant, pool } of this.#sendersOf(asked)) ways.push(await this.#wayOf(asked.recipient, tenant, pool));
    return { recipient: asked.recipient, ways };
  }

  #sendersOf({ tenant, domain }: Asked): { readonly tenant: string; readonly pool: string }[] {
    const known = new Map<string, { readonly tenant: string; readonly pool: string }>();
    for (const { metadata, spec } of this.#options.resources().domains) {
      if (tenant !== undefined && tenant !== metadata.namespace) continue;
      if (domain !== undefined && domain !== spec.domain) continue;
      const pool = keyOf({ namespace: spec.poolRef.namespace ?? metadata.namespace, name: spec.poolRef.name });
      known.set(`${metadata.namespace} ${pool}`, { tenant: metadata.namespace, pool });
    }
    return [...known.values()].slice(0, MOST_WAYS);
  }

  async #wayOf(recipient: string, tenant: string, pool: string): Promise<Way> {
    const { suppressions, directions, restraints } = this.#options;
    const lane = laneName({ tenant, pool, domain: domainOf(recipient) });
    const plan = await this.#planOf(lane);
    const { provider, policies, tls, site } = directions.destination(lane);
    const suppression = await suppressions.match(tenant, recipient);
    return {
      tenant,
      pool,
      ...(suppression && { suppressed: replyLine(suppressedReply(suppression)) }),
      ...(provider !== undefined && { provider }),
      policies,
      tls,
      ...(await this.#hostsOf(lane)),
      outlook: plan ? outlookOf(plan, this.#options.parts) : UNKNOWN,
      restraints: restraints().filter(({ course }) => course.site === site || course.provider === provider),
      waiting: await this.#waitingOf(recipient, lane),
    };
  }

  /** The queue by tenant and domain; the busiest sites; what rules hold. */
  async view(filter: QueueFilter): Promise<SendingState> {
    const { queue, ledger, clock, directions, restraints } = this.#options;
    const view = await viewQueue(filter, {
      queue,
      ledger,
      now: () => clock.now(),
      siteOf: (lane) => directions.destination(lane).site,
      outlookOf: (lane) => this.#outlookOf(lane),
    });
    const all = this.#options.sites();
    const sites = await foremost(all, (a, b) => b.lanes - a.lanes, MOST_SITES);
    const connections = all.reduce((sum, it) => sum + it.connections, 0);
    return { ...view, sites, moreSites: all.length - sites.length, connections, restraints: restraints() };
  }

  #outlookOf(lane: LaneName): Outlook | undefined {
    const plan = this.#options.planOf(lane);
    return plan instanceof Promise ? undefined : outlookOf(plan, this.#options.parts);
  }

  /** DNS may have to be asked first; undefined when it said nothing in its time. */
  async #planOf(lane: LaneName): Promise<Plan | undefined> {
    const plan = this.#options.planOf(lane);
    if (!(plan instanceof Promise)) return plan;
    await plan;
    const now = this.#options.planOf(lane);
    return now instanceof Promise ? undefined : now;
  }

  async #hostsOf(lane: LaneName): Promise<Pick<Way, 'hosts' | 'unroutable'>> {
    const { resources, hostname, directions } = this.#options;
    const { routes } = directions.destination(lane);
    const allowPrivate = resources().clusters[0]?.spec.dns.allowPrivate ?? [];
    const own = ownPlaces(resources(), hostname);
    const { domain } = parseLane(lane);
    const found = await resolve({ domain, routes, families: [4, 6], allowPrivate, own }, this.#options);
    if (found.kind === 'unroutable') return { hosts: [], unroutable: replyLine(found.reply) };
    return { hosts: found.targets.map(({ host, address, port }) => `${host} [${address}]:${port}`) };
  }

  /** In every lane that holds mail of the same tenant by the same pool for the domain. */
  async #waitingOf(recipient: string, lane: LaneName): Promise<WaitingRecipient[]> {
    const { queue, ledger } = this.#options;
    const { tenant, pool, domain } = parseLane(lane);
    const listed = await queue.list({ tenant, pool, domain }, MOST_LOOKED_AT);
    const own = listed.filter((it) => it.recipient === recipient).slice(0, MOST_WAITING);
    return Promise.all(
      own.map(async ({ message, index, state, due, attempts }) => {
        const event = await ledger.last(message, index);
        const said = event && event.type !== 'queued' ? { reply: event.reply } : {};
        return Object.assign({ message, state, due, attempts }, said);
      }),
    );
  }
}

const UNKNOWN: Outlook = { site: '', why: 'where it goes: DNS does not say', sources: [], limits: [] };
