import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFloor, encodeFloor, floorOf, type Mark, marksAfter, NO_FLOOR, thinned } from './floor.ts';

const marks: Mark[] = [
  { at: 0, log: 100, done: 10 },
  { at: 60, log: 200, done: 30 },
  { at: 120, log: 300, done: 70 },
];

test.each([
  ['nothing is noted yet', { marks: [] }, NO_FLOOR],
  ['an old message holds it', { oldest: 50 }, { log: 50, done: 0 }],
  ['a message after the first mark holds it', { oldest: 150 }, { log: 150, done: 10 }],
  ['the message right after a mark holds it', { oldest: 201 }, { log: 201, done: 30 }],
  ['the last message before a mark holds it', { oldest: 200 }, { log: 200, done: 10 }],
  ['nothing is left, but what is young stays', { youngest: 60 }, { log: 201, done: 30 }],
  ['nothing is left', {}, { log: 301, done: 70 }],
  ['it was higher before', { oldest: 50, before: { log: 90, done: 7 } }, { log: 90, done: 7 }],
])('%s', (_, over, floor) => {
  expect(floorOf({ oldest: undefined, marks, before: NO_FLOOR, youngest: 1000, ...over })).toEqual(floor);
});

interface Step {
  readonly comes: number;
  readonly changes: number;
  readonly ends: number;
}

/** A holder: messages come, some change, some end, it notes marks and moves its floor; at the end it is held against all it did. */
test('no message before the floor is left, and every change of one that is lies after it', () => {
  const step = fc.record({ comes: fc.nat(5), changes: fc.nat(5), ends: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(5), (steps: Step[], young) => {
      let [log, done, floor] = [0, 0, NO_FLOOR];
      let noted: Mark[] = [];
      const open: number[] = [];
      const changed = new Map<number, number>();
      const change = (message: number | undefined): void =>
        void (message && changed.set(message, changed.get(message) ?? (done += 1)));
      for (const [at, it] of steps.entries()) {
        noted.push({ at, log, done });
        for (let count = 0; count < it.comes; count += 1) open.push((log += 1));
        for (let count = 0; count < it.changes; count += 1) change(open[(count * 7) % Math.max(open.length, 1)]);
        for (let count = 0; count < it.ends; count += 1)
          change(open.splice((count * 3) % Math.max(open.length, 1), 1)[0]);
        const next = floorOf({ oldest: open[0], marks: noted, before: floor, youngest: at - young });
        expect(next.log).toBeGreaterThanOrEqual(floor.log);
        expect(next.done).toBeGreaterThanOrEqual(floor.done);
        floor = next;
        noted = marksAfter(noted, floor);
        for (const message of open) {
          expect(message).toBeGreaterThanOrEqual(floor.log);
          expect(changed.get(message) ?? Infinity).toBeGreaterThan(floor.done);
        }
      }
    }),
  );
});

test('marks are never too many, the last of them stay, and a floor by fewer is no higher', () => {
  const all: Mark[] = [];
  let few: Mark[] = [];
  for (let at = 1; at <= 2000; at += 1) {
    const mark = { at, log: at * 3, done: at * 2 };
    all.push(mark);
    few = thinned([...few, mark]);
    expect(few.length).toBeLessThanOrEqual(500);
    expect(few.at(-1)).toBe(mark);
  }
  for (let oldest = 1; oldest < 6000; oldest += 97) {
    const standing = { oldest, before: NO_FLOOR, youngest: 3000 };
    const [exact, found] = [floorOf({ ...standing, marks: all }), floorOf({ ...standing, marks: few })];
    expect([found.log, found.done <= exact.done]).toEqual([exact.log, true]);
  }
});

test('a floor is read as it was written, and nothing else is one', () => {
  expect(decodeFloor(encodeFloor({ log: 3, done: 9 }))).toEqual({ log: 3, done: 9 });
  for (const text of ['', '3', '3 9 1', '-3 9', '3 x', '1234567890123456 1'])
    expect(() => decodeFloor(text)).toThrow(expect.objectContaining({ code: 'record-unreadable' }));
});
