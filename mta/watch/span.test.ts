import { expect, test } from 'vitest';
import { readSpan, spanText } from './span.ts';

test.each([
  ['90s', 90],
  ['30m', 1800],
  ['2h', 7200],
  ['7d', 604_800],
])('%s is %i seconds', (text, seconds) => {
  expect(readSpan('--for', text)).toBe(seconds);
});

test.each(['', '0m', '2', 'h', '1.5h', '-1h', '2 h', '99999999s', '2w'])(
  '%j is refused, and says what would do',
  (text) => {
    expect(() => readSpan('--for', text)).toThrow(`--for ${text}: must be a number and s, m, h or d`);
  },
);

test.each([
  [-5, '0s'],
  [999, '0s'],
  [61_000, '1m 1s'],
  [3_600_000, '1h'],
  [90_061_000, '1d 1h'],
])('%i milliseconds are told as %s', (milliseconds, text) => {
  expect(spanText(milliseconds)).toBe(text);
});
