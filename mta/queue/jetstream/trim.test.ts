import fc from 'fast-check';
import { expect, test } from 'vitest';
import { doneCut, isCrowded, logCut } from './trim.ts';

const ROOM = { bytes: 10, mostBytes: 1000, copied: Infinity };
const FULL = { bytes: 850, mostBytes: 1000, copied: Infinity };

test.each([
  ['what nobody needs and has lived goes', { first: 1, needed: 100, young: 200, ...ROOM }, 100],
  ['what is young stays', { first: 1, needed: 100, young: 40, ...ROOM }, 40],
  ['all have lived, and what is needed stays', { first: 1, needed: 100, young: undefined, ...ROOM }, 100],
  ['all are young', { first: 50, needed: 100, young: 50, ...ROOM }, 50],
  [
    'it is crowded: a quarter of what nobody needs goes before its time',
    { first: 1, needed: 101, young: 1, ...FULL },
    26,
  ],
  ['it is crowded, and much has lived', { first: 1, needed: 101, young: 60, ...FULL }, 60],
  ['what is not copied stays, however old', { first: 1, needed: 100, young: 80, ...ROOM, copied: 40 }, 41],
  [
    'it is crowded: what is not copied goes with the oldest',
    { first: 1, needed: 101, young: 60, ...FULL, copied: 10 },
    26,
  ],
  ['it is crowded, and all of it is needed', { first: 1, needed: 1, young: 1, ...FULL }, 1],
])('%s', (_, cutting, cut) => {
  expect(doneCut(cutting)).toBe(cut);
});

test('what is needed never goes, and a crowded stream comes to an end of what is not', () => {
  const cutting = fc.record({
    first: fc.integer({ min: 1, max: 1000 }),
    beyond: fc.nat(1000),
    young: fc.option(fc.integer({ min: 1, max: 3000 }), { nil: undefined }),
    bytes: fc.nat(1000),
  });
  fc.assert(
    fc.property(cutting, ({ first, beyond, young, bytes }) => {
      const needed = first + beyond;
      const room = { bytes, mostBytes: 1000, copied: Infinity };
      let at = first;
      for (let step = 0; step < 50; step += 1) {
        const cut = doneCut({ first: at, needed, young, ...room });
        expect(cut).toBeLessThanOrEqual(needed);
        at = Math.max(at, cut);
      }
      expect(at).toBe(isCrowded(room) ? needed : Math.max(first, Math.min(needed, young ?? Infinity)));
    }),
  );
});

test.each([
  ['what nobody needs goes', { needed: 100, ...ROOM }, 100],
  ['what is not copied stays', { needed: 100, ...ROOM, copied: 40 }, 41],
  ['all is copied, and what is needed stays', { needed: 100, ...ROOM, copied: 500 }, 100],
  ['there is hardly any room: what is not copied goes', { needed: 100, ...FULL, copied: 40 }, 100],
])('of the log %s', (_, cutting, cut) => {
  expect(logCut(cutting)).toBe(cut);
});

test('a stream without a bound of its own is never crowded', () => {
  expect(isCrowded({ bytes: 10 ** 12, mostBytes: -1 })).toBe(false);
});
