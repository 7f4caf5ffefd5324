import { expect, test } from 'vitest';
import type { Way } from '../mail/explanation.ts';
import { formatExplanation } from './explain.ts';

const WAY: Way = {
  tenant: 'shop',
  pool: 'default/main',
  policies: ['default/receiver'],
  tls: 'Opportunistic',
  hosts: ['mx.dest.test [192.0.2.1]:25'],
  outlook: {
    site: 'mx.dest.test',
    from: 'default/main/one',
    sources: [
      { name: 'default/main/one', address: '192.0.2.9', warmUp: { limit: 500, left: 20 } },
      { name: 'default/main/two', address: '', why: 'suspended in its IPPool' },
    ],
    limits: [
      { kind: 'connections', name: 'site mx.dest.test', most: 10, used: 3 },
      { kind: 'rate', name: 'site mx.dest.test', count: 60, perSeconds: 60, room: 0, wait: 1500 },
      { kind: 'rate', name: 'provider x', count: 60, perSeconds: 60, room: 5, wait: 0 },
    ],
  },
  restraints: [],
  waiting: [],
};

const explain = (over: Partial<Way>): string =>
  formatExplanation({ recipient: 'you@dest.test', ways: [{ ...WAY, ...over }] });

test('a recipient is told with everything that has a say', () => {
  const waiting = [
    { message: '01m', state: 'waiting', due: Date.UTC(2026, 0, 1), attempts: 2, reply: '451 4.7.1 later' },
    { message: '02m', state: 'suspended', due: 0, attempts: 1 },
  ] as const;
  expect(explain({ waiting })).toBe(
    [
      'mail of shop by default/main to you@dest.test would go now, from default/main/one',
      '  site      mx.dest.test, tls Opportunistic',
      '  policies  default/receiver',
      '  hosts     mx.dest.test [192.0.2.1]:25',
      '  sources   default/main/one [192.0.2.9]: can send, warm-up: 20 of 500 left today',
      '            default/main/two: suspended in its IPPool',
      '  limits    connections to site mx.dest.test: 3 of 10',
      '            site mx.dest.test: 60 in 60 s, used up, again in 1s',
      '            provider x: 60 in 60 s, room for 5 now',
      '  waiting   01m next try 2026-01-01T00:00:00.000Z, 2 attempts, last: 451 4.7.1 later',
      '            02m held until resumed, 1 attempts',
    ].join('\n'),
  );
});

test.each<[Partial<Way>, string]>([
  [
    { outlook: { ...WAY.outlook, why: 'the site rests', wait: 15_000 } },
    'waits for: the site rests (asked again in 15s)',
  ],
  [{ suppressed: '550 5.7.1 <you@dest.test> is suppressed' }, 'is refused: 550 5.7.1 <you@dest.test> is suppressed'],
  [{ hosts: [], unroutable: '550 5.1.2 no such domain' }, 'waits for: 550 5.1.2 no such domain'],
])('what stands in the way comes first: %j', (over, words) => {
  expect(explain(over).split('\n')[0]).toBe(`mail of shop by default/main to you@dest.test ${words}`);
});

test('a recipient nobody sends to so is told', () => {
  expect(formatExplanation({ recipient: 'you@dest.test', ways: [] })).toContain('no SendingDomain');
});
