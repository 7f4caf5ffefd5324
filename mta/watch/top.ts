/**
 * `postfleet top`: what goes on, once a second: rates, what waits the deepest and for what, what each site does.
 *
 * On a terminal the screen is drawn anew each time; elsewhere the tables follow one another.
 */
import { type Clock, seconds, sleep } from '#lib/run/clock.ts';
import type { Counts, Live, QueueState } from '../mail/explanation.ts';
import { type AdminFlags, askAdmin } from './admin-client.ts';
import { rowLines } from './queue.ts';
import { tableLines } from './table.ts';

export interface TopFlags extends AdminFlags {
  /** Ends after so many looks. */
  readonly count?: string;
  readonly json?: boolean;
}

const EVERY = seconds(1);
const ROWS = 15;
const CLEAR = '\u001b[H\u001b[2J';

/** `clock` keeps the process alive while it waits. Ends when interrupted, after `count` looks, or when nobody answers. */
export async function topCommand(
  flags: TopFlags,
  isTerminal: boolean,
  print: (text: string) => void,
  clock: Clock,
): Promise<void> {
  const { count, json } = flags;
  let before: Live | undefined;
  for (let left = count === undefined ? Infinity : Number(count); left > 0; left -= 1) {
    const live = (await askAdmin(flags, '/v1/live')) as Live;
    const state = (await askAdmin(flags, `/v1/queue?limit=${ROWS}`)) as QueueState;
    const screen = json === true ? JSON.stringify({ ...live, ...state }) : formatTop(live, before, state);
    print(json === true ? screen : isTerminal ? CLEAR + screen : `${screen}\n`);
    before = live;
    if (left > 1) await sleep(clock, EVERY);
  }
}

export function formatTop(live: Live, before: Live | undefined, state: QueueState): string {
  const { rows, recipients, sites, connections } = state;
  const missing = [...new Set([...(live.missing ?? []), ...(state.missing ?? [])])];
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
    ...missing.map((it) => `not all is shown: ${it}`),
    '',
    ...rowLines(rows, live.at),
    '',
    ...(cells.length === 0
      ? []
      : tableLines([['site', 'connections', 'lanes', 'waits for', 'last trouble'], ...cells])),
  ].join('\n');
}

/** A second's worth, or the sums at the first look. */
function ratesOf(live: Live, before: Live | undefined): string {
  const passed = before === undefined ? 0 : (live.at - before.at) / 1000;
  const rates = Object.entries(live.counts).map(([name, count]) => {
    if (before === undefined || passed <= 0) return `${name} ${count}`;
    return `${name} ${(grown(name, live, before) / passed).toFixed(1)}/s`;
  });
  return rates.join('  ');
}

/** Of several processes each counts from its own start: one that came or went meanwhile is left out. */
function grown(name: string, live: Live, before: Live): number {
  const { processes, counts } = live;
  const grew = (now: Counts, then: Counts): number => (now[name] ?? 0) - (then[name] ?? 0);
  if (!processes) return grew(counts, before.counts);
  const both = Object.entries(processes).flatMap(([process, now]) => {
    const then = before.processes?.[process];
    return then ? [Math.max(grew(now, then), 0)] : [];
  });
  return both.reduce((sum, it) => sum + it, 0);
}
