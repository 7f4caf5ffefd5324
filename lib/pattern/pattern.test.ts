import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern, foldText, matches, PATTERN_FORM } from './pattern.ts';
import { runs } from '../../test/harness/runs.ts';

const isFound = (pattern: string, text: string): boolean => matches(compilePattern(pattern), foldText(text));

test.each<[string, string, boolean]>([
  ['user unknown', '550 5.1.1 <a@b>: User unknown in table', true],
  ['user unknown', 'user  \t unknown', true],
  ['user unknown', 'user is unknown', false],
  ['user * unknown', 'user is quite unknown', true],
  ['user * unknown', 'unknown user', false],
  ['user * unknown', 'user unknown', true],
  ['full', 'mailbox is full.', true],
  ['full', 'fully qualified', false],
  ['full', 'bashful', false],
  ['full*', 'fully qualified', true],
  ['*full', 'handfull', true],
  ['full *', 'fully', false],
  ['rp-00*', '421 RP-001 (BAY) too much mail', true],
  ['[ts04]', '421 4.7.0 [TS04] Messages deferred', true],
  ['no such user | user unknown', 'user unknown', true],
  ['no such user | user unknown', 'no user', false],
  ['a b * a b', 'a b', false],
  ['ab * ab', 'ab ab', true],
  ['full', 'fully, no: full', true],
  ['refusé', 'Service REFUSÉ', true],
  ['refus', 'Service refusé', false],
])('%j in %j: %s', (pattern, text, want) => {
  expect(isFound(pattern, text)).toBe(want);
});

test.each(['', ' ', '*', '**', 'a', 'a|', '|ab', 'ab||cd', String.raw`\d+ab`, '^ab', 'a * b'])(
  '%j is no pattern',
  (source) => {
    expect(PATTERN_FORM.test(source)).toBe(false);
  },
);

test('more alternatives than anybody reads are refused', () => {
  expect(PATTERN_FORM.test(Array(32).fill('ab').join('|'))).toBe(true);
  expect(PATTERN_FORM.test(Array(33).fill('ab').join('|'))).toBe(false);
});

describe('a pattern', () => {
  const words = fc.stringMatching(/^[a-c*| ]{1,30}$/).filter((it) => PATTERN_FORM.test(it));

  test('never throws, and finds what a regular expression of the same meaning finds', () => {
    fc.assert(
      fc.property(words, fc.stringMatching(/^[a-c ]{0,40}$/), (source, text) => {
        expect(isFound(source, text)).toBe(expressionOf(source).test(foldText(text).line));
      }),
      { numRuns: runs(2000) },
    );
  });

  test('C10 takes time in proportion to the text, whatever pattern and text', () => {
    const hostile = ['ab * ab * ab * ab * ac', 'aaaaaaaaab', '*aa* aa *aa* ab', 'aa aa aa ab | ba ba ba bb'];
    for (const source of hostile)
      for (const unit of ['a', 'ab ', 'aa ', 'ba ', 'ab\t']) {
        const pattern = compilePattern(source);
        expect(growth((length) => matches(pattern, foldText(unit.repeat(length / unit.length))))).toBeLessThan(2.5);
      }
  });
});

/** How many times longer a doubled text takes, over three doublings: the least of many tries in turn, because machines are busy. */
function growth(work: (length: number) => unknown): number {
  const timeOf = (length: number): number => {
    const started = performance.now();
    work(length);
    return performance.now() - started;
  };
  let [short, long] = [Infinity, Infinity];
  for (let tries = 0; tries < 5 || (tries < 40 && long >= 2.5 ** 3 * short); tries += 1) {
    short = Math.min(short, timeOf(1 << 12));
    long = Math.min(long, timeOf(1 << 15));
  }
  return Math.cbrt(long / Math.max(short, 0.01));
}

/** Slow and plain: the same rule said to another engine. */
function expressionOf(source: string): RegExp {
  const alternatives = foldText(source)
    .line.split('|')
    .map((it) => {
      const parts = it.trim().split('*');
      const pieces = parts.map((part, at) => {
        const text = part.trim();
        if (text === '') return '';
        const left = at > 0 && part.startsWith(text) ? '' : '(?<![a-z])';
        const right = at < parts.length - 1 && part.endsWith(text) ? '' : '(?![a-z])';
        return left + text + right;
      });
      return pieces.filter((piece) => piece !== '').join('.*');
    });
  return new RegExp(alternatives.join('|'));
}
