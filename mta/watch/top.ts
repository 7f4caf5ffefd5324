/**
 * `postfleet top`: what goes on, once a second: rates, what waits the deepest and for what, what each site does.
 *
 * On a terminal the screen is drawn anew each time; elsewhere the tables follow one another.
 */
import { type Clock, type Instant, seconds, sleep } from '#lib/run/clock.ts';
import { askAdmin } from './admin-client.ts';
import { type QueueState, rowLines } from './queue.ts';
import { tableLines } from './table.ts';

/** What was counted since the start. */
export interface Live {
  readonly at: Instant;
  /** By what was counted: accepted, delivered, deferred, bounced, expired. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface TopFlags {
  readonly data: string;
  /** Ends after so many looks. */
  readonly count?: string;
  readonly json?: boolean;
}

const EVERY = seconds(1);
const ROWS = 15;
const CLEAR = '\u001b[H\u001b[2J';

/** `clock` keeps the process alive while it waits. Ends when interrupted, after `count` looks, or when nobody answers. */
export async function topCommand(
  { data, count, json }: TopFlags,
  isTerminal: boolean,
  print: (text: string) => void,
  clock: Clock,
): Promise<void> {
  let before: Live | undefined;
  for (let left = count === undefined ? Infinity : Number(count); left > 0; left -= 1) {
    const live = (await askAdmin(data, '/v1/live')) as Live;
    const state = (await askAdmin(data, `/v1/queue?limit=${ROWS}`)) as QueueState;
    const screen = json === true ? JSON.stringify({ ...live, ...state }) : formatTop(live, before, state);
    print(json === true ? screen : isTerminal ? CLEAR + screen : `${screen}\n`);
    before = live;
    if (left > 1) await sleep(clock, EVERY);
  }
}

export function formatTop(live: Live, before: Live | undefined, { rows, recipients, sites }: QueueState): string {
  const connections = sites.reduce((sum, it) => sum + it.connections, 0);
  const busy = sites.toSorted((a, b) => b.lanes - a.lanes || b.connections - a.connections).slice(0, ROWS);
  const cells = busy.map((it) => [
    it.ready,
    String(it.connections),
    String(it.lanes),
    it.waitsFor ?? '',
    it.trouble ?? '',
  ]);
  return [
    `${new Date(live.at).toISOString()}  ${ratesOf(live, before)}`,
    `${recipients} recipients wait, ${connections} connections to receivers`,
    '',
    ...rowLines(rows, live.at),
    '',
    ...(cells.length === 0
      ? []
      : tableLines([['site', 'connections', 'lanes', 'waits for', 'last trouble'], ...cells])),
  ].join('\n');
}

/** A second's worth, or the sums at the first look. */
function ratesOf({ at, counts }: Live, before: Live | undefined): string {
  const passed = before === undefined ? 0 : (at - before.at) / 1000;
  const rates = Object.entries(counts).map(([name, count]) => {
    if (before === undefined || passed <= 0) return `${name} ${count}`;
    return `${name} ${((count - (before.counts[name] ?? 0)) / passed).toFixed(1)}/s`;
  });
  return rates.join('  ');
}
