/**
 * What `npm run e2e` calls a fault.
 */
import { expect, test } from 'vitest';
import { type Asked, faultsOf, told } from './e2e/load/verdicts.ts';
import type { PhaseCounts, Verdict } from './harness/mailbench.ts';

const GOOD: PhaseCounts = {
  accepted: 900,
  refused: 90,
  unknown: 10,
  lost: 0,
  delivered: 900,
  duplicates: 0,
  inDoubt: 20,
  unsigned: 0,
  seconds: 10,
};
const SHARES = [
  { ip: '192.0.2.1', ehlo: 'mta1.example.com', delivered: 710 },
  { ip: '192.0.2.2', ehlo: 'mta2.example.com', delivered: 290 },
];
const ASKED: Asked = {
  messages: 1800,
  rate: 100,
  shares: new Map([
    ['192.0.2.1 mta1.example.com', 75],
    ['192.0.2.2 mta2.example.com', 25],
  ]),
};

function faults(killed: Partial<PhaseCounts>, scaled: Partial<PhaseCounts> = {}, of: Partial<Verdict> = {}): string[] {
  const phases = [
    { name: 'killed', doubles: 'in doubt' },
    { name: 'scaled', doubles: 'none' },
  ] as const;
  const counts = [
    { ...GOOD, ...killed },
    { ...GOOD, ...scaled },
  ];
  const verdict = { accepted: 1800, delivered: 1000, sources: SHARES, phases: counts, ...of } as unknown as Verdict;
  return faultsOf(told(phases, verdict), ASKED);
}

test.each<[string, string[], string[]]>([
  ['all as asked', faults({ duplicates: 20 }), []],
  ['lost', faults({}, { lost: 1 }), ['scaled: 1 lost, 0 unsigned, 0 doubled of 0 that may be']],
  ['a signature', faults({ unsigned: 1 }), ['killed: 0 lost, 1 unsigned, 0 doubled of 20 that may be']],
  ['more than was in doubt', faults({ duplicates: 21 }), ['killed: 0 lost, 0 unsigned, 21 doubled of 20 that may be']],
  [
    'doubled where nothing was killed',
    faults({}, { duplicates: 1 }),
    ['scaled: 0 lost, 0 unsigned, 1 doubled of 0 that may be'],
  ],
  ['too little', faults({}, {}, { accepted: 1799 }), ['1799 accepted, fewer than 1800']],
  ['too slow', faults({ seconds: 11 }), ['95.2 handed in a second, fewer than 100']],
  [
    'another name',
    faults({}, {}, { sources: [{ ip: '192.0.2.1', ehlo: 'pod', delivered: 710 }, ...SHARES.slice(1)] }),
    ['mail came from 192.0.2.1 pod', '0.0 % came from 192.0.2.1 mta1.example.com, not 75 %'],
  ],
  [
    'other shares',
    faults({}, {}, { delivered: 900, sources: [{ ...SHARES[0]!, delivered: 610 }, SHARES[1]!] }),
    ['67.8 % came from 192.0.2.1 mta1.example.com, not 75 %', '32.2 % came from 192.0.2.2 mta2.example.com, not 25 %'],
  ],
])('%s', (_, found, expected) => expect(found).toEqual(expected));
