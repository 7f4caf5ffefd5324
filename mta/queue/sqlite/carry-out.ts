/**
 * How changes are carried out in the tables: lists of statements for one transaction. No state.
 */
import type { Duration } from '#lib/run/clock.ts';
import { hours } from '#lib/run/clock.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { Change } from '../changes.ts';
import { moveEntries } from './looking.ts';
import * as tables from './tables.ts';

/** A crash of longer ago counts no more. */
export const REMEMBERED_FOR: Duration = hours(24);

export function statementsOf(change: Change): Statement[] {
  switch (change.kind) {
    case 'ended':
      return change.owed
        ? [tables.endOwing(change.entry, JSON.stringify(change.event))]
        : tables.endEntry(change.entry, change.only);
    case 'waits':
      return waits(change);
    case 'intended':
      return [tables.intendEntry(change.entry)];
    case 'reported':
      return [
        ...change.events.flatMap((it) => tables.clearDebt(change.message, it.index, JSON.stringify(it))),
        tables.endMessageById(change.message),
      ];
    case 'moved':
      return [move(change)];
    case 'crashed':
      return crashed(change);
    case 'unreadable':
      break;
  }
  return [tables.setAside(change.message)];
}

type Of<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>;

function waits({ entry, due, attempts, held, lane, owed, event }: Of<'waits'>): Statement[] {
  const debt = owed ? JSON.stringify(event) : undefined;
  const deferral = { due, attempts, isHeld: held, debt };
  return [tables.deferEntry(entry, deferral), ...(lane === undefined ? [] : [tables.changeLane(entry, lane)])];
}

/** `?2` is the time of a retry, the new lane of a reroute. */
const MOVES = {
  suspend: moveEntries(`state = ${tables.SUSPENDED}`),
  resume: moveEntries(`state = ${tables.WAITING}`),
  retry: moveEntries(`state = ${tables.WAITING}, due = min(due, ?2)`),
  reroute: moveEntries('lane = ?2'),
};

const move = ({ move: kind, entries, due, lane }: Of<'moved'>): Statement => ({
  sql: MOVES[kind],
  params: [JSON.stringify(entries), ...(due === undefined ? [] : [due]), ...(lane === undefined ? [] : [lane])],
});

const crashed = ({ at, suspects, aside, apart }: Of<'crashed'>): Statement[] => [
  tables.forgetSuspects(at - REMEMBERED_FOR),
  ...suspects.map(({ message, crashes }) => tables.noteSuspect(message, crashes, at)),
  ...aside.map((it) => tables.suspendMessage(it)),
  ...apart.map((it) => tables.delayMessage(it.message, it.due)),
];
