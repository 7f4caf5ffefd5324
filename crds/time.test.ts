import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { date, moment } from './time.ts';

describe('a day', () => {
  it.each([
    ['2026-01-31', true],
    ['2024-02-29', true],
    ['2023-02-29', false],
    ['2026-02-31', false],
    ['2026-13-01', false],
    ['1999-12-31', false],
    ['2026-1-31', false],
    ['2026-01-31T00:00:00Z', false],
  ])('%s is one: %s', (text, isOne) => {
    expect(date().safeParse(text).success).toBe(isOne);
  });
});

describe('a moment', () => {
  it.each([
    ['2026-12-31T23:59:59Z', true],
    ['2026-12-31T23:59:59.123+02:00', true],
    ['2026-12-31T23:59:59', false],
    ['2026-12-31T23:59:60Z', false],
    ['2026-12-31T24:00:00Z', false],
    ['2026-02-30T00:00:00Z', false],
    ['2026-12-31T23:59:59+25:00', false],
    ['1999-01-01T00:00:00Z', false],
    // What counts is when it is in UTC.
    ['1999-12-31T23:30:00-01:00', true],
    ['2000-01-01T00:00:00+01:00', false],
    ['9999-12-31T23:59:59-01:00', false],
    ['2026-12-31', false],
  ])('%s is one: %s', (text, isOne) => {
    expect(moment().safeParse(text).success).toBe(isOne);
  });

  it('is taken as every clock writes it', () => {
    const moments = fc.date({
      min: new Date('2000-01-01T00:00:00Z'),
      max: new Date('9999-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moments, (at) => {
        expect(moment().safeParse(at.toISOString()).success).toBe(true);
        expect(date().safeParse(at.toISOString().slice(0, 10)).success).toBe(true);
      }),
    );
  });
});
