/**
 * Changes carried out in tables, held against the simplest thing they could mean: a map of entries.
 */
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { aMessage } from '../../../test/harness/queue.ts';
import { Connection } from '#lib/sqlite/connection.ts';
import type { EventType, MailEvent } from '../../mail/event.ts';
import type { Change } from '../changes.ts';
import { statementsOf } from './carry-out.ts';
import * as tables from './tables.ts';
import { runs } from '../../../test/harness/runs.ts';

const { entryNo, indexOf, messageNoOf } = tables;

interface Entry {
  state: 'waiting' | 'suspended' | 'ended' | 'unreadable';
  due: number;
  attempts: number;
  lane: string;
  isIntended: boolean;
  /** The event that is owed; '' when it was told. */
  debt: MailEvent | '' | undefined;
}

type Model = Map<number, Entry>;

const MESSAGES = [1, 2, 3];
const INDEXES = [0, 1];
const all = MESSAGES.flatMap((no) => INDEXES.map((index) => entryNo(no, index)));
const idOf = (no: number): string => `message${no}`;

const eventFor = (entry: number, type: EventType, reply: string): MailEvent => ({
  v: 1,
  at: 0,
  type,
  message: idOf(messageNoOf(entry)),
  index: indexOf(entry),
  tenant: 't',
  sender: 'a@b.c',
  recipient: 'd@e.f',
  reply,
  attempt: 1,
});

/** What a change means. */
function apply(model: Model, change: Change): void {
  const ofMessage = (no: number) => [...model].filter(([entry]) => messageNoOf(entry) === no).map(([, it]) => it);
  switch (change.kind) {
    case 'ended': {
      const it = model.get(change.entry);
      if (it && change.owed) Object.assign(it, { state: 'ended', debt: change.event });
      else model.delete(change.entry);
      return;
    }
    case 'waits': {
      const it = model.get(change.entry);
      if (!it) return;
      const { due, attempts, held, lane = it.lane, owed, event } = change;
      const debt = it.debt ?? (owed ? event : undefined);
      Object.assign(it, { due, attempts, lane, debt, isIntended: false, state: held ? 'suspended' : 'waiting' });
      return;
    }
    case 'intended':
      return void Object.assign(model.get(change.entry) ?? {}, { isIntended: true });
    case 'reported':
      for (const event of change.events) reported(model, change.message, event);
      return;
    case 'moved':
      for (const entry of change.entries) moved(model.get(entry), change);
      return;
    case 'crashed':
      for (const no of change.aside) for (const it of ofMessage(no)) if (it.state === 'waiting') it.state = 'suspended';
      for (const { message, due } of change.apart)
        for (const it of ofMessage(message)) if (it.state === 'waiting') it.due = Math.max(it.due, due);
      return;
    case 'unreadable':
      for (const it of ofMessage(change.message)) it.state = 'unreadable';
  }
}

function reported(model: Model, message: string, event: MailEvent): void {
  for (const [entry, it] of model) {
    const isIt = idOf(messageNoOf(entry)) === message && indexOf(entry) === event.index;
    if (!isIt || JSON.stringify(it.debt) !== JSON.stringify(event)) continue;
    if (it.state === 'ended') model.delete(entry);
    else it.debt = '';
  }
}

function moved(it: Entry | undefined, { move, due = Infinity, lane = '' }: Extract<Change, { kind: 'moved' }>): void {
  if (!it) return;
  if (move === 'reroute') it.lane = lane;
  else it.state = move === 'suspend' ? 'suspended' : 'waiting';
  if (move === 'retry') it.due = Math.min(it.due, due);
}

const folder = mkdtempSync(join(tmpdir(), 'postfleet-changes-'));
const connection = new Connection({
  path: join(folder, 'queue.db'),
  isScratch: true,
  migrations: [tables.QUEUE_TABLES, tables.DEBT_TABLES, tables.INTENT_TABLES, tables.SUSPECT_TABLES],
});
afterAll(() => {
  connection.close();
  rmSync(folder, { recursive: true });
});

/** Three messages of two recipients each, as they were put. */
function begin(): Model {
  const params: never[] = [];
  const empty = ['message', 'entry', 'suspect'].map((it) => ({ sql: `DELETE FROM ${it}`, params }));
  const put = MESSAGES.map((no) =>
    tables.insertMessage(no, aMessage({ id: idOf(no), recipients: ['b@d.e', 'c@d.e'] })),
  );
  const entries = all.map((entry) => tables.insertEntry(entry, 'first', 100));
  expect(connection.write([{ statements: [...empty, ...put, ...entries] }])).toEqual([undefined]);
  const entry: Entry = { state: 'waiting', due: 100, attempts: 0, lane: 'first', isIntended: false, debt: undefined };
  return new Map(all.map((no) => [no, { ...entry }]));
}

const carryOut = (changes: readonly Change[]): void =>
  expect(connection.write(changes.map((it) => ({ statements: statementsOf(it) })))).toEqual(
    changes.map(() => undefined),
  );

const STATES = ['waiting', 'ended', 'suspended', 'unreadable'] as const;

function read(): Model {
  const rows = connection.read({ sql: 'SELECT * FROM entry ORDER BY no', params: [] });
  return new Map(
    rows.map((row) => [
      Number(row['no']),
      {
        state: STATES[Number(row['state'])] ?? 'waiting',
        due: Number(row['due']),
        attempts: Number(row['attempts']),
        lane: String(row['lane']),
        isIntended: row['intended'] === 1,
        debt:
          row['debt'] === null ? undefined : row['debt'] === '' ? '' : (JSON.parse(String(row['debt'])) as MailEvent),
      },
    ]),
  );
}

/** What of an entry that has ended nobody asks for is not compared. */
const shown = (model: Model) =>
  [...model]
    .toSorted(([a], [b]) => a - b)
    .map(([no, it]) => (it.state === 'ended' ? [no, it.state, it.debt] : [no, it]));

const entry = fc.constantFrom(...all);
const no = fc.constantFrom(...MESSAGES);
const lane = fc.constantFrom('first', 'second');
const due = fc.integer({ min: 0, max: 200 });
const reply = fc.constantFrom('one', 'two');

interface Waits extends Pick<Extract<Change, { kind: 'waits' }>, 'due' | 'attempts' | 'held' | 'owed' | 'event'> {
  readonly lane: string | null;
}

function waitsOf({ lane: to, ...it }: Waits): Change {
  const waits = { kind: 'waits', entry: entryOf(it.event), ...it } as const;
  return to === null ? waits : { ...waits, lane: to };
}

const kind = <Kind extends Change['kind']>(it: Kind) => fc.constant(it);
const eventOf = (type: EventType) => fc.record({ entry, says: reply }).map((it) => eventFor(it.entry, type, it.says));
const entryOf = (event: MailEvent): number => entryNo(Number(event.message.slice('message'.length)), event.index);
const owed = fc.boolean();

const change: fc.Arbitrary<Change> = fc.oneof(
  fc
    .record({ owed, event: eventOf('bounced') })
    .map((it) => ({ kind: 'ended', entry: entryOf(it.event), only: false, owed: it.owed, event: it.event }) as const),
  fc
    .record({ due, attempts: fc.nat(9), held: fc.boolean(), owed, event: eventOf('deferred'), lane: fc.option(lane) })
    .map(waitsOf),
  fc.record({ kind: kind('intended'), entry }),
  fc
    .oneof(eventOf('bounced'), eventOf('deferred'))
    .map((event) => ({ kind: 'reported', message: event.message, events: [event] }) as const),
  fc.record({
    kind: kind('moved'),
    move: fc.constantFrom('suspend' as const, 'resume' as const),
    entries: fc.array(entry),
  }),
  fc.record({ kind: kind('moved'), move: fc.constant('retry' as const), entries: fc.array(entry), due }),
  fc.record({ kind: kind('moved'), move: fc.constant('reroute' as const), entries: fc.array(entry), lane }),
  fc.record({
    kind: kind('crashed'),
    at: fc.nat(),
    suspects: fc.constant([]),
    events: fc.constant([]),
    aside: fc.array(no),
    apart: fc.array(fc.record({ message: no, due })),
  }),
  fc.record({ kind: kind('unreadable'), message: no }),
);

/** Who leases what never leaves the states in which something waits; the rest is between the queue and itself. */
const isPossible = (model: Model, it: Change): boolean => {
  const waits = (at: number): boolean => ['waiting', 'suspended'].includes(model.get(at)?.state ?? '');
  if (it.kind === 'ended' || it.kind === 'waits' || it.kind === 'intended') return waits(it.entry);
  if (it.kind === 'moved') return it.entries.every(waits);
  return (
    it.kind !== 'unreadable' ||
    [...model].every(([at, { state }]) => messageNoOf(at) !== it.message || state !== 'ended')
  );
};

test('changes in tables mean what they mean, and a message is there as long as any of its entries', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const model = begin();
      for (const it of changes) {
        if (!isPossible(model, it)) continue;
        apply(model, it);
        carryOut([it]);
      }
      expect(shown(read())).toEqual(shown(model));
      const messages = connection.read({ sql: 'SELECT no FROM message ORDER BY no', params: [] });
      expect(messages.map((row) => row['no'])).toEqual(
        MESSAGES.filter((it) => [...model.keys()].some((at) => messageNoOf(at) === it)),
      );
    }),
    { numRuns: runs(200) },
  );
});
