/**
 * What several processes told of their parts, as one. Pure.
 *
 * A recipient's domain is in one shard, and a shard with one process, so that each row is one process's own; where a shard has just
 * changed hands two may know it, and the one with more counts.
 */
import {
  type Explanation,
  type Live,
  type QueueRow,
  rowName,
  rowOrder,
  type SendingState,
} from '../mail/explanation.ts';
import type { Counted } from '../mail/operation.ts';
import type { Told } from './inquiry.ts';
import { following, type QueueFilter } from './queue-rows.ts';

/** Sites that are told of all processes together. */
const MOST_SITES = 500;

export function mergeViews(
  all: readonly Told<SendingState>[],
  { limit, after }: Pick<QueueFilter, 'limit' | 'after'>,
): SendingState {
  const rows = rowsOf(all).toSorted(rowOrder(after !== undefined));
  const first = rows.slice(0, limit);
  const more = sumOf(all, (it) => it.more) + rows.length - first.length;
  const sites = all.flatMap(({ process, told }) => told.sites.map((it) => Object.assign({}, it, { worker: process })));
  const shown = sites.toSorted((a, b) => b.lanes - a.lanes).slice(0, MOST_SITES);
  return {
    rows: first,
    recipients: sumOf(all, (it) => it.recipients),
    ...following(first, more, after),
    sites: shown,
    moreSites: sumOf(all, (it) => it.moreSites) + sites.length - shown.length,
    connections: sumOf(all, (it) => it.connections),
    restraints: all.flatMap(({ process, told }) =>
      told.restraints.map((it) => Object.assign({}, it, { worker: process })),
    ),
  };
}

function rowsOf(all: readonly Told<SendingState>[]): QueueRow[] {
  const rows = new Map<string, QueueRow>();
  for (const row of all.flatMap((it) => it.told.rows)) {
    const name = rowName(row);
    if ((rows.get(name)?.depth ?? -1) < row.depth) rows.set(name, row);
  }
  return [...rows.values()];
}

/** Whoever has the shard of the recipient's domain knows. */
export function mergeExplanations(all: readonly Told<Explanation>[], recipient: string): Explanation {
  const [first] = all;
  return first ? { ...first.told, worker: first.process } : { recipient, ways: [] };
}

export function mergeLives(all: readonly Told<Live>[]): Live {
  const counts: Record<string, number> = {};
  for (const { told } of all)
    for (const [name, count] of Object.entries(told.counts)) counts[name] = (counts[name] ?? 0) + count;
  const processes = Object.fromEntries(all.map(({ process, told }) => [process, told.counts]));
  return { at: Math.max(0, ...all.map((it) => it.told.at)), counts, processes };
}

export const mergeCounts = (all: readonly Told<Counted>[]): Counted => ({
  lanes: sumOf(all, (it) => it.lanes),
  recipients: sumOf(all, (it) => it.recipients),
});

export const sumOf = <T>(all: readonly Told<T>[], of: (it: T) => number): number =>
  all.reduce((sum, { told }) => sum + of(told), 0);

/** Shards that nobody answered for. */
export function unansweredOf(all: readonly Told<unknown>[], asked: readonly number[]): number[] {
  const answered = new Set(all.flatMap((it) => it.shards));
  return asked.filter((it) => !answered.has(it));
}

/** For people; none when everybody answered. */
export function missingOf(unanswered: readonly number[], faults: readonly string[]): string[] {
  if (unanswered.length === 0) return [];
  const named = unanswered.length === 1 ? `shard ${unanswered.join()}` : `shards ${unanswered.join(', ')}`;
  if (faults.length > 0) return faults.map((it) => `${named}: ${it}`);
  const whose = unanswered.length === 1 ? 'it' : 'them';
  return [
    `${named}: no worker answers for ${whose}: another takes ${whose} within seconds, so ask again; if that does not help, look whether workers run`,
  ];
}
