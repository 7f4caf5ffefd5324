import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noCapabilities, parseCapabilities } from './capabilities.ts';

const offer = (...lines: string[]) => parseCapabilities(['mx.example.net at your service', ...lines].join('\n'));

describe('capabilities', () => {
  test('are all read', () => {
    const lines = ['PIPELINING', 'SIZE 35882577', '8BITMIME', 'STARTTLS', 'SMTPUTF8', 'CHUNKING', 'DSN'];
    expect(offer(...lines, 'ENHANCEDSTATUSCODES', 'LIMITS RCPTMAX=100 MAILMAX=20 RCPTDOMAINMAX=1')).toEqual({
      pipelining: true,
      size: 35_882_577,
      eightBitMime: true,
      startTls: true,
      smtpUtf8: true,
      chunking: true,
      dsn: true,
      enhancedStatusCodes: true,
      limits: { mailMax: 20, rcptMax: 100, rcptDomainMax: 1 },
    });
  });

  test('are none for a peer that only knows HELO, and for a bare greeting', () => {
    expect(noCapabilities).toMatchObject({ pipelining: false, size: undefined, startTls: false, limits: {} });
    expect(offer()).toEqual(noCapabilities);
    expect(parseCapabilities('PIPELINING')).toEqual(noCapabilities);
  });

  test.each([
    ['pipelining', { pipelining: true }],
    ['  Pipelining  ', { pipelining: true }],
    ['PIPELINING=yes', { pipelining: false }],
    ['XPIPELINING', { pipelining: false }],
    ['SIZE', { size: 0 }],
    ['SIZE 0', { size: 0 }],
    ['SIZE many', { size: 0 }],
    ['size 100', { size: 100 }],
    ['LIMITS', { limits: {} }],
    ['LIMITS RCPTMAX=0', { limits: {} }],
    ['LIMITS RCPTMAX=05', { limits: {} }],
    ['LIMITS RCPTMAX=1234567', { limits: {} }],
    ['LIMITS rcptmax=7 FUTURE=9', { limits: { rcptMax: 7 } }],
  ])('%j gives %j', (line, expected) => expect(offer(line)).toMatchObject(expected));

  test('come out of any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseCapabilities(text)).not.toThrow();
      }),
    );
  });
});
