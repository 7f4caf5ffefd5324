import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askedByUs, decodeOriginalRecipient, type DsnRequest, decodeXtext, wants } from './dsn-request.ts';

describe('xtext', () => {
  test.each([
    ['abc', 'abc'],
    ['a+2Bb+3Dc+20d', 'a+b=c d'],
    ['', undefined],
    ['a=b', undefined],
    ['a b', undefined],
    ['a+', undefined],
    ['a+2', undefined],
    ['a+2b', undefined],
    ['a+0D+0Ab', undefined],
    ['a+7F', undefined],
    ['a+E4', undefined],
    ['\u00e4', undefined],
  ])('%j stands for %j', (xtext, text) => {
    expect(decodeXtext(xtext)).toBe(text);
  });

  test('gives back whatever printable text was written in it', () => {
    const printable = fc.string({ minLength: 1 }).filter((text) => /^[ -~]+$/.test(text));
    fc.assert(
      fc.property(printable, (text) => {
        const hex = (it: string): string => `+${it.charCodeAt(0).toString(16).toUpperCase()}`;
        expect(decodeXtext(text.replaceAll(/[+= ]/g, hex))).toBe(text);
      }),
    );
  });
});

test.each([
  ['rfc822;a+2Bb@c.example', 'rfc822;a+b@c.example'],
  ['UTF-8;a', 'UTF-8;a'],
  ['rfc822;a;b', 'rfc822;a;b'],
  ['rfc822', undefined],
  [';a', undefined],
  ['rfc 822;a', undefined],
])('the original recipient %j is %j', (orcpt, want) => {
  expect(decodeOriginalRecipient(orcpt)).toBe(want);
});

test.each([
  [undefined, true],
  [{ recipients: [] }, true],
  [{ recipients: [{}] }, true],
  [{ recipients: [{ notify: ['NEVER' as const] }] }, false],
  [{ recipients: [{ notify: ['SUCCESS' as const, 'DELAY' as const] }] }, false],
  [{ recipients: [{ notify: ['FAILURE' as const] }] }, true],
])('of %j failures are wanted: %s', (request, want) => {
  expect(wants('FAILURE', request, 0)).toBe(want);
});

test('where reports come back to us the next host is asked for failures, and no more', () => {
  const orcpt = 'rfc822;a@b.example';
  const request: DsnRequest = {
    ret: 'FULL',
    envid: 'e',
    recipients: [{ orcpt, notify: ['SUCCESS', 'DELAY'] }, { orcpt, notify: ['NEVER'] }, { orcpt }],
  };
  expect(askedByUs(request)).toEqual({
    ret: 'HDRS',
    envid: 'e',
    recipients: [{ orcpt, notify: ['FAILURE'] }, { orcpt, notify: ['NEVER'] }, { orcpt }],
  });
});
