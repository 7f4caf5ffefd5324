import { describe, expect, test } from 'vitest';
import { type AddressAnswer, bothFamilies } from './resolver.ts';

describe('the answers of two families', () => {
  const found: AddressAnswer = { kind: 'found', addresses: ['8.8.8.8'] };
  const temporary: AddressAnswer = { kind: 'temporary', reason: 'SERVFAIL' };
  const none: AddressAnswer = { kind: 'none' };
  const missing: AddressAnswer = { kind: 'no-such-name' };
  test.each([
    [found, temporary, found],
    [none, found, found],
    [temporary, none, temporary],
    [missing, temporary, temporary],
    [missing, none, none],
    [missing, missing, missing],
  ])('%j and %j give %j', (four, six, both) => {
    expect(bothFamilies(four, six)).toEqual(both);
    expect(bothFamilies(six, four)).toEqual(both);
  });
});
