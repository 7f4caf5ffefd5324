/**
 * `postfleet queue`: what waits by tenant and domain, and for what; which sites rest and why; what people and rules over
 * replies hold back.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { QueueRow, QueueState, Restraint, SiteState } from '../mail/explanation.ts';
import { type AdminFlags, askAdmin, mustBeWhole } from './admin-client.ts';
import { orderLine } from './operate.ts';
import { spanText } from './span.ts';
import { tableLines } from './table.ts';

export interface QueueFlags extends AdminFlags {
  readonly tenant?: string;
  readonly domain?: string;
  readonly site?: string;
  readonly limit?: string;
  /** Every row, by name. */
  readonly whole?: boolean;
  readonly json?: boolean;
}

/** Rows of a page. */
const PAGE = '500';
/** Sites that are shown: those with the most lanes. */
const MOST_SITES = 50;

/** Prints to `print`; rejects with a fault when nobody answers. `now` is the time of who asks. */
export async function queueCommand(flags: QueueFlags, print: (text: string) => void, now: Instant): Promise<void> {
  if (flags.whole === true) return printAll(flags, print, now);
  const state = await ask(flags, { limit: flags.limit });
  print(flags.json === true ? JSON.stringify(state, null, 2) : formatQueue(state, now));
  mustBeWhole(state);
}

async function ask(flags: QueueFlags, page: { readonly limit?: string | undefined; readonly after?: string }) {
  const { tenant, domain, site } = flags;
  const asked = Object.entries({ tenant, domain, site, ...page }).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(asked as [string, string][]).toString();
  return (await askAdmin(flags, `/v1/queue${query === '' ? '' : `?${query}`}`)) as QueueState;
}

/** A page at a time: there may be many. */
async function printAll(flags: QueueFlags, print: (text: string) => void, now: Instant): Promise<void> {
  const missing = new Set<string>();
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: QueueState = await ask(flags, { limit: PAGE, after });
    const lines = flags.json === true ? page.rows.map((it) => JSON.stringify(it)) : rowLines(page.rows, now);
    if (lines.length > 0) print(lines.join('\n'));
    for (const it of page.missing ?? []) missing.add(it);
    after = page.next;
  }
  mustBeWhole({ missing: [...missing] });
}

export function formatQueue(
  { rows, recipients, more, sites, moreSites, suspensions, restraints }: QueueState,
  now: Instant,
): string {
  const shown = sites.toSorted((a, b) => b.lanes - a.lanes).slice(0, MOST_SITES);
  const rest = more === 0 ? [] : [`and ${more} more: --limit shows some, --whole all`];
  const hidden = moreSites + sites.length - shown.length;
  return [
    ...section(`waiting (${recipients} recipients)`, [...rowLines(rows, now), ...rest], 'nothing'),
    ...section('sites', [...shown.map(siteLine), ...(hidden > 0 ? [`and ${hidden} more`] : [])], 'none in use'),
    ...section('suspended', suspensions.map(orderLine), 'nothing'),
    ...section('rules that hold', restraints.map(firingLine), 'none'),
  ].join('\n');
}

const COLUMNS = ['depth', 'tenant', 'domain', 'oldest', 'next try', 'waits for', 'last reply'];

/** A table of rows, with times as seen from `now`. */
export function rowLines(rows: readonly QueueRow[], now: Instant): string[] {
  const cells = rows.map(({ depth, tenant, domain, oldest, isExact, next, waitsFor, reply = '' }) => [
    String(depth),
    tenant,
    domain,
    oldest === undefined ? '' : `${isExact ? '' : '≥ '}${spanText(now - oldest)}`,
    next === undefined ? '' : next > now ? `in ${spanText(next - now)}` : 'now',
    waitsFor,
    reply,
  ]);
  return cells.length === 0 ? [] : tableLines([COLUMNS, ...cells]);
}

const section = (title: string, lines: readonly string[], none: string): string[] => [
  `${title}: ${lines.length === 0 ? none : ''}`.trimEnd(),
  ...lines.map((it) => `  ${it}`),
];

function siteLine({ ready, connections, lanes, waitsFor, trouble, worker }: SiteState): string {
  const what = [
    `${connections} connections`,
    `${lanes} lanes wait`,
    waitsFor === undefined ? '' : `for ${waitsFor}`,
    trouble === undefined ? '' : `last trouble: ${trouble}`,
    worker === undefined ? '' : `at ${worker}`,
  ];
  return `${ready}: ${what.filter((it) => it !== '').join(', ')}`;
}

export function firingLine({ rule, action, scope, until, sample, course, worker }: Restraint): string {
  const whom = scope === 'domain' ? `${course.domain} at ${course.provider}` : course.site;
  const from = scope === 'source' ? ` from ${course.source ?? 'any address'}` : '';
  const where = worker === undefined ? '' : ` at ${worker}`;
  return `${rule}: ${action} ${whom}${from}${where} until ${new Date(until).toISOString()}: ${sample}`;
}
