import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { readReturnPathKey, signingKeyOf } from '#lib/keyring/return-path-key.ts';
import { hours, type Instant } from '#lib/run/clock.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { resourceIn } from '../typed.ts';
import { returnPathFiles } from './return-path.ts';

const BEGAN = Date.UTC(2026, 0, 1, 12);
const day = (number: number): Instant => BEGAN + hours(24 * number);
const made = (spec: object) => {
  const domain = resourceIn(sample('SendingDomain', spec) as unknown as KubeObject, 'SendingDomain');
  if (!domain) throw new Error('the sample is not valid');
  return domain;
};
const domains = [made({ returnPathHost: 'bounce.example.com' })];
const bytes = (): Buffer => Buffer.alloc(32);

/** As it is after somebody looked each day until this one. */
function after(days: number): ReadonlyMap<string, string> {
  let files: ReadonlyMap<string, string> = new Map();
  for (let number = 0; number <= days; number += 1)
    files = returnPathFiles({ domains, files, now: day(number), bytes });
  return files;
}

test('nothing is made for domains whose return path is nobody’s', () => {
  expect(returnPathFiles({ domains: [made({})], files: new Map(), now: BEGAN, bytes })).toEqual(new Map());
});

test.each<[days: number, names: string[]]>([
  [0, ['20260101.key']],
  [28, ['20260101.key']],
  [29, ['20260101.key', '20260131.key']],
  [60, ['20260101.key', '20260131.key', '20260302.key']],
  [61, ['20260131.key', '20260302.key']],
])('after %d days there are the keys %j', (days, names) => {
  expect([...after(days).keys()]).toEqual(names);
});

test('a key is everywhere for a day before it signs', () => {
  const keys = [...after(29)].map(([name, text]) => readReturnPathKey(name, text)).toReversed();
  const signing = (now: Instant): number | undefined => signingKeyOf(keys, now)?.day;
  expect([signing(day(29)), signing(day(30))]).toEqual([keys[1]?.day, keys[0]?.day]);
});

test('who looks again finds nothing to change', () => {
  const files = after(29);
  expect(returnPathFiles({ domains, files, now: day(29), bytes })).toEqual(files);
});
