import { expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import type { Instructions } from './instructions.ts';
import { timingOf } from './timing.ts';

const NOW = Date.UTC(2026, 0, 1);
const LONGEST = hours(48);

test.each<[string, Instructions, object]>([
  ['nothing said', {}, { expiresAt: NOW + LONGEST }],
  ['a shorter life', { expireAfter: minutes(5) }, { expiresAt: NOW + minutes(5) }],
  ['the longest life', { expireAfter: LONGEST }, { expiresAt: NOW + LONGEST }],
  ['a longer life', { expireAfter: LONGEST + 1000 }, { problem: 'expireAfter must be at most 172800 seconds' }],
  ['later', { sendAt: NOW + 1 }, { notBefore: NOW + 1, expiresAt: NOW + 1 + LONGEST }],
  ['now', { sendAt: NOW }, { expiresAt: NOW + LONGEST }],
  ['earlier', { sendAt: NOW - hours(200) }, { expiresAt: NOW + LONGEST }],
  ['the latest', { sendAt: NOW + hours(72) }, { notBefore: NOW + hours(72), expiresAt: NOW + hours(72) + LONGEST }],
  ['too late', { sendAt: NOW + hours(72) + 1 }, { problem: 'sendAt must be at most 72 hours from now' }],
  [
    'later, with a life that begins then',
    { sendAt: NOW + hours(1), expireAfter: minutes(5) },
    { notBefore: NOW + hours(1), expiresAt: NOW + hours(1) + minutes(5) },
  ],
])('when a message may be sent: %s', (_, said, want) => {
  expect(timingOf(said, NOW, LONGEST)).toEqual(want);
});
