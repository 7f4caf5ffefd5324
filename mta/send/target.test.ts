import { describe, expect, test } from 'vitest';
import { mayConnect, targetText } from './target.ts';

describe('a target', () => {
  test.each([
    ['8.8.8.8', [], undefined, true],
    ['127.0.0.1', [], undefined, false],
    ['127.0.0.1', ['10.0.0.0/8'], undefined, false],
    ['127.0.0.1', ['10.0.0.0/8', '127.0.0.0/8'], undefined, true],
    ['127.0.0.1', [], true, true],
    ['localhost', ['0.0.0.0/0', '::/0'], undefined, false],
  ] as const)('%s with %j allowed, named %s: may connect is %s', (address, allowed, named, expected) => {
    const target = { host: 'mx.example.net', address, port: 25, ...(named && { named }) };
    expect(mayConnect(target, allowed)).toBe(expected);
  });

  test('is written with its name, address and port', () => {
    expect(targetText({ host: 'mx1.example.net', address: '192.0.2.1', port: 25 })).toBe(
      'mx1.example.net [192.0.2.1]:25',
    );
    expect(targetText({ host: '2001:db8::1', address: '2001:db8::1', port: 2525 })).toBe('[2001:db8::1]:2525');
  });
});
