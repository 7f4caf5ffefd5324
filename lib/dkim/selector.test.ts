import { describe, expect, it } from 'vitest';
import { selectorFor } from './selector.ts';

const LATE = Date.UTC(2026, 10, 22, 23, 59, 59);

describe('a selector', () => {
  it.each([
    ['RSA2048', 'pf20261122r'],
    ['RSA4096', 'pf20261122r'],
    ['Ed25519', 'pf20261122e'],
  ] as const)('of a key of %s is %s', (kind, selector) => {
    expect(selectorFor('pf', LATE, kind)).toBe(selector);
  });

  it('that is taken gets a number', () => {
    const taken = new Set(['pf20261122r', 'pf20261122r2', 'pf20261122e']);
    expect(selectorFor('pf', LATE, 'RSA2048', taken)).toBe('pf20261122r3');
  });
});
