/**
 * The queue by tenant and domain, the deepest first: how much waits, since when, until when, for what, and what was said
 * the last time. Only rows that are shown are asked of the storage, lane by lane; in steps that hold nobody up.
 */
import type { Instant } from '#lib/run/clock.ts';
import { othersTurn } from '#lib/run/turn.ts';
import { foremost } from './foremost.ts';
import { type Outlook, type QueueRow, type QueueView, rowName, rowOrder } from '../mail/explanation.ts';
import { type Glance, type LaneDepth, type LaneName, parseLane, type Queue } from '../queue/queue.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';

export interface QueueFilter {
  readonly tenant?: string | undefined;
  readonly domain?: string | undefined;
  readonly site?: string | undefined;
  readonly limit: number;
  /** Rows by name after this one, from the first with ''; absent: the deepest first. */
  readonly after?: string | undefined;
}

export interface QueueRowsParts {
  readonly queue: Pick<Queue, 'depth' | 'glance'>;
  readonly ledger: Pick<Ledger, 'last'>;
  readonly now: () => Instant;
  readonly siteOf: (lane: LaneName) => string;
  /** Undefined while DNS is asked where it goes. */
  readonly outlookOf: (lane: LaneName) => Pick<Outlook, 'why'> | undefined;
}

interface Group {
  readonly tenant: string;
  readonly domain: string;
  readonly lanes: LaneDepth[];
  depth: number;
}

/** Lanes that are looked at between two turns of everybody else. */
const LANES_IN_A_ROW = 1000;

export async function viewQueue(filter: QueueFilter, parts: QueueRowsParts): Promise<QueueView> {
  const { limit, after } = filter;
  const groups = await groupsOf(filter, parts);
  const coming: Group[] = [];
  let recipients = 0;
  for (const [name, it] of groups) {
    recipients += it.depth;
    if (after === undefined || name > after) coming.push(it);
  }
  const rows: QueueRow[] = [];
  for (const group of await foremost(coming, rowOrder(after !== undefined), limit))
    rows.push(await rowOf(group, parts));
  return { rows, recipients, ...following(rows, coming.length - rows.length, after) };
}

/** How many rows come after those that are shown, and where to go on. */
export function following(rows: readonly QueueRow[], more: number, after: string | undefined) {
  const last = rows.at(-1);
  return { more, ...(after !== undefined && more > 0 && last && { next: rowName(last) }) };
}

async function groupsOf(
  { tenant, domain, site }: QueueFilter,
  { queue, siteOf }: QueueRowsParts,
): Promise<ReadonlyMap<string, Group>> {
  const groups = new Map<string, Group>();
  for (const [at, it] of queue.depth().entries()) {
    if (at % LANES_IN_A_ROW === LANES_IN_A_ROW - 1) await othersTurn();
    const lane = parseLane(it.lane);
    if (tenant !== undefined && tenant !== lane.tenant) continue;
    if (domain !== undefined && domain !== lane.domain) continue;
    if (site !== undefined && site !== siteOf(it.lane)) continue;
    const key = rowName(lane);
    const group = groups.get(key) ?? { tenant: lane.tenant, domain: lane.domain, lanes: [], depth: 0 };
    group.lanes.push(it);
    group.depth += it.depth;
    groups.set(key, group);
  }
  return groups;
}

/** Lanes of a row that are looked at: one tenant's mail for one domain has few. */
const MOST_LANES = 10;

async function rowOf({ tenant, domain, lanes, depth }: Group, parts: QueueRowsParts): Promise<QueueRow> {
  const [deepest, ...others] = lanes.toSorted((a, b) => b.depth - a.depth).slice(0, MOST_LANES);
  const lane = deepest?.lane ?? '';
  const glances: Glance[] = [];
  for (const it of deepest ? [deepest, ...others] : []) glances.push(await parts.queue.glance(it.lane));
  const oldest = leastOf(glances.map((it) => it.oldest));
  const next = leastOf(glances.map((it) => it.next));
  const suspended = glances.reduce((sum, it) => sum + it.suspended, 0);
  const [latest] = glances.flatMap((it) => (it.latest ? [it.latest] : []));
  const event = latest && (await parts.ledger.last(latest.message, latest.index));
  return {
    tenant,
    domain,
    site: parts.siteOf(lane),
    depth,
    suspended,
    ...(oldest !== undefined && { oldest }),
    isExact: glances.every((it) => it.isExact),
    ...(next !== undefined && { next }),
    ...(event && event.type !== 'queued' && { reply: event.reply }),
    waitsFor: waitsFor({ outlook: parts.outlookOf(lane), next, suspended, now: parts.now() }),
  };
}

const leastOf = (all: readonly (Instant | undefined)[]): Instant | undefined => {
  const known = all.filter((it) => it !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
};

interface Reasons {
  readonly outlook: Pick<Outlook, 'why'> | undefined;
  readonly next: Instant | undefined;
  readonly suspended: number;
  readonly now: Instant;
}

/** What stands in the way of all of it comes before what stands in the way of the mail itself. */
export function waitsFor({ outlook, next, suspended, now }: Reasons): string {
  if (next === undefined)
    return suspended > 0 ? 'somebody to resume or retry it: it is held' : 'what is being sent now';
  if (!outlook) return 'DNS: where it goes';
  if (outlook.why !== undefined) return outlook.why;
  return next > now ? 'its next try' : 'its turn';
}
