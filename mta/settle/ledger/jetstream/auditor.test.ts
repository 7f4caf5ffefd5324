import { expect, test } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Auditor, behindOf, type Ends } from './auditor.ts';

const ends = (facts: number, returned: number, log: number, done: number): Ends => ({ facts, returned, log, done });

test.each([
  ['all of it', ends(5, 5, 5, 5), { facts: 0, returned: 0, events: 0 }],
  ['more than there was', ends(9, 9, 9, 9), { facts: 0, returned: 0, events: 0 }],
  ['not all facts', ends(3, 5, 5, 5), { facts: 2, returned: 0, events: 0 }],
  ['not all that came back', ends(5, 1, 5, 5), { facts: 0, returned: 4, events: 0 }],
  ['not all that happened', ends(5, 5, 4, 2), { facts: 0, returned: 0, events: 4 }],
])('who knows %s is behind by what is missing', (_, known, behind) => {
  expect(behindOf(ends(5, 5, 5, 5), known)).toEqual(behind);
});

test('what was there a minute before counts, and not what has come since', async () => {
  let [there, known] = [ends(5, 0, 0, 0), ends(0, 0, 0, 0)];
  const compare = async () => ({ differing: 0, next: 0 });
  const auditor = new Auditor({
    ioClock: new FakeClock(),
    ends: async () => there,
    known: async () => known,
    compare,
    troubled: () => undefined,
  });
  await auditor.audit();
  expect(auditor.behind.facts).toBe(0);
  [there, known] = [ends(99, 0, 0, 0), ends(4, 0, 0, 0)];
  await auditor.audit();
  expect(auditor.behind.facts).toBe(1);
  known = ends(99, 0, 0, 0);
  await auditor.audit();
  expect(auditor.behind.facts).toBe(0);
});

test('facts are gone through page by page, and what differs counts until they have been gone through again', async () => {
  const clock = new FakeClock();
  const troubles: unknown[] = [];
  const pages = [
    { differing: 1, next: 100 },
    { differing: 2, next: 0 },
    { differing: 0, next: 100 },
    { differing: 0, next: 0 },
  ];
  const asked: number[] = [];
  const auditor = new Auditor({
    ioClock: clock,
    ends: async () => ends(0, 0, 0, 0),
    known: async () => ends(0, 0, 0, 0),
    compare: async (after) => {
      asked.push(after);
      const page = pages.shift();
      if (!page) throw new Error('away');
      return page;
    },
    troubled: (thrown) => troubles.push(thrown),
  });
  auditor.start();
  const seen: number[] = [];
  for (let minute = 0; minute < 5; minute += 1) {
    clock.advance(minutes(1));
    await new Promise(setImmediate);
    seen.push(auditor.differing);
  }
  expect([asked, seen, troubles.length]).toEqual([[0, 100, 0, 100, 0], [1, 3, 3, 0, 0], 1]);
  auditor.stop();
  expect(clock.timers).toBe(0);
});
