import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { holderOf } from './claim.ts';
import { afterSighting, isVerified, type Latch, LATCH_FALLS_AFTER, type Sighting } from './latch.ts';

const START = Date.UTC(2026, 0, 1);
const VERIFIED: Latch = { verifiedAt: START };

/** One sighting an hour. */
const hourly = (latch: Latch, sightings: readonly Sighting[]): Latch =>
  sightings.reduce((before, sighting, at) => afterSighting(before, sighting, START + hours(at)), latch);
const times = (count: number, sighting: Sighting): Sighting[] => Array.from({ length: count }, () => sighting);

describe('a domain is verified', () => {
  test.each([
    ['when its key is seen', {}, ['absent', 'unknown', 'seen'], true],
    ['not before', {}, ['absent', 'unknown'], false],
    ['still, without any answer', VERIFIED, times(1000, 'unknown'), true],
    ['still, after 23 hours of contrary answers', VERIFIED, times(24, 'absent'), true],
    ['no more after 24 hours of them', VERIFIED, times(25, 'absent'), false],
    ['still, when the key is seen between', VERIFIED, [...times(20, 'absent'), 'seen', ...times(20, 'absent')], true],
    ['still, when silence made up the time', VERIFIED, ['absent', ...times(40, 'unknown'), 'absent'], true],
    [
      'no more when silence only interrupts',
      VERIFIED,
      [...times(13, 'absent'), ...times(9, 'unknown'), ...times(13, 'absent')],
      false,
    ],
    ['again when the key is back', VERIFIED, [...times(30, 'absent'), 'seen'], true],
  ] as const)('%s', (_, latch: Latch, sightings, want) => {
    expect(isVerified(hourly(latch, sightings))).toBe(want);
  });

  test('still, after a stop of the process and a clock that jumped', () => {
    let latch = afterSighting(VERIFIED, 'absent', START);
    latch = afterSighting(latch, 'absent', START + hours(500));
    latch = afterSighting(latch, 'absent', START - hours(500));
    expect(latch.contrary?.lasted).toBe(0);
  });

  test('since it was seen first', () => {
    expect(afterSighting(VERIFIED, 'seen', START + hours(9))).toEqual(VERIFIED);
  });
});

test('time-outs and silence never end it, whatever comes between', () => {
  const step = fc.tuple(fc.constantFrom<Sighting>('seen', 'absent', 'unknown'), fc.integer({ min: 0, max: 200 }));
  fc.assert(fc.property(fc.array(step, { maxLength: 100 }), (steps) => !fellEarly(steps)));
  expect(fellEarly([['seen', 0]])).toBe(false);
});

/** Whether the latch fell before contrary answers had followed one another for long enough. */
function fellEarly(steps: readonly (readonly [Sighting, number])[]): boolean {
  let [latch, now, absent, last] = [VERIFIED, START, 0, 'unknown'];
  for (const [sighting, wait] of steps) {
    now += minutes(wait);
    if (sighting === 'absent' && last === 'absent') absent += minutes(wait);
    latch = afterSighting(latch, sighting, now);
    if (!isVerified(latch)) return absent < LATCH_FALLS_AFTER;
    if (sighting === 'seen') absent = 0;
    last = sighting;
  }
  return false;
}

describe('of several claims to a domain', () => {
  const claim = (resource: string, age: number, latch: Latch) => ({
    resource,
    domain: 'example.com',
    claimedAt: START - age,
    latch,
  });
  test.each([
    ['nobody holds it while none is verified', [claim('a/x', 2, {}), claim('b/x', 1, {})], undefined],
    ['an older one that is not verified blocks nobody', [claim('a/x', 2, {}), claim('b/x', 1, VERIFIED)], 'b/x'],
    ['the older of two that are verified holds', [claim('b/x', 1, VERIFIED), claim('a/x', 2, VERIFIED)], 'a/x'],
    ['the name decides between two of one age', [claim('b/x', 1, VERIFIED), claim('a/x', 1, VERIFIED)], 'a/x'],
  ])('%s', (_, claims, want) => {
    expect(holderOf(claims)?.resource).toBe(want);
  });
});
