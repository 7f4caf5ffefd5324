import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ProxyReading, readProxyHeader } from './proxy.ts';
import { runs } from '../../../test/harness/runs.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const IPV4 = 'c0000207c0000208126702cb';
const IPV6 = '20010db800000000000000000000000720010db8000000000000000000000008126702cb';
const MAPPED = '00000000000000000000ffffc000020700000000000000000000ffffc0000208126702cb';

const text = (line: string): Buffer => Buffer.from(line, 'latin1');

/** A version 2 header: command and family as hex, then the block, its length counted unless told. */
const binary = (kind: string, block: string, length = block.length / 2): Buffer =>
  Buffer.from(`${SIGNATURE}${kind}${length.toString(16).padStart(4, '0')}${block}`, 'hex');

function word(reading: ProxyReading): string {
  if (reading.kind !== 'header') return reading.kind;
  return reading.source ? `${reading.source.address} ${reading.source.port}` : 'itself';
}

describe('a PROXY header', () => {
  it.each<[string, Buffer, string]>([
    ['1 over IPv4', text('PROXY TCP4 192.0.2.7 192.0.2.8 4711 587\r\n'), '192.0.2.7 4711'],
    ['1 over IPv6', text('PROXY TCP6 2001:DB8:0::7 2001:db8::8 4711 587\r\n'), '2001:db8::7 4711'],
    ['1 over IPv6 with an IPv4 address', text('PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n'), '192.0.2.7 1'],
    ['1 with an IPv4 address in hexadecimal', text('PROXY TCP6 ::ffff:c000:207 ::1 1 2\r\n'), '192.0.2.7 1'],
    ['1 with port 0', text('PROXY TCP4 192.0.2.7 192.0.2.8 0 0\r\n'), '192.0.2.7 0'],
    ['1 of an unknown peer', text('PROXY UNKNOWN\r\n'), 'itself'],
    ['1 of an unknown peer with more', text('PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n'), 'itself'],
    ['1 as long as can be', text(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), 'itself'],
    ['2 over IPv4', binary('2111', IPV4), '192.0.2.7 4711'],
    ['2 over IPv6', binary('2121', IPV6), '2001:db8::7 4711'],
    ['2 over IPv6 with an IPv4 address', binary('2121', MAPPED), '192.0.2.7 4711'],
    ['2 with TLVs', binary('2111', `${IPV4}030004deadbeef04000100`), '192.0.2.7 4711'],
    ['2 as long as can be', binary('2111', IPV4 + '00'.repeat(508)), '192.0.2.7 4711'],
    ['2 of the balancer itself', binary('2000', ''), 'itself'],
    ['2 of the balancer itself, with addresses to pass over', binary('2011', IPV4), 'itself'],
    ['2 of no family', binary('2100', '01020304'), 'itself'],
  ])('of version %s', (_, bytes, expected) => {
    const reading = readProxyHeader(Buffer.concat([bytes, text('EHLO a\r\n')]));
    expect(word(reading)).toBe(expected);
    expect(reading).toMatchObject({ length: bytes.length });
    for (let at = 0; at < bytes.length; at += 1)
      expect(readProxyHeader(bytes.subarray(0, at))).toEqual({ kind: 'more' });
  });

  it.each<[string, Buffer]>([
    ['a command', text('EHLO a\r\n')],
    ['lower case', text('proxy UNKNOWN\r\n')],
    ['no family', text('PROXY \r\n')],
    ['another family', text('PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n')],
    ['a family that is not the addresses’', text('PROXY TCP4 2001:db8::7 2001:db8::8 1 2\r\n')],
    ['two families', text('PROXY TCP6 2001:db8::7 192.0.2.8 1 2\r\n')],
    ['octal numbers', text('PROXY TCP4 192.0.2.007 192.0.2.8 1 2\r\n')],
    ['a zone', text('PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n')],
    ['a port too high', text('PROXY TCP4 192.0.2.7 192.0.2.8 65536 2\r\n')],
    ['a port with a zero in front', text('PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n')],
    ['two spaces', text('PROXY  TCP4 192.0.2.7 192.0.2.8 1 2\r\n')],
    ['a bare LF', text('PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n')],
    ['a bare CR', text('PROXY UNKNOWN \r x\r\n')],
    ['more than 107 octets', text(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`)],
    ['no end', text(`PROXY UNKNOWN ${'x'.repeat(93)}`)],
    ['another version', binary('1111', IPV4)],
    ['another command', binary('2211', IPV4)],
    ['datagrams', binary('2112', IPV4)],
    ['a UNIX socket', binary('2131', '00'.repeat(216))],
    ['too few octets for IPv4', binary('2111', IPV4.slice(2))],
    ['too few octets for IPv6', binary('2121', IPV4)],
    ['more than 536 octets', binary('2111', '', 521)],
  ])('with %s is none', (_, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: 'problem' });
  });
});

describe('whatever bytes come', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'PROXY ',
      'TCP4 192.0.2.7 ',
      'TCP6 ::1 ',
      'UNKNOWN',
      '192.0.2.7 ',
      '::1 ',
      '1 ',
      '2',
      '\r\n',
      '\n',
      ' ',
    ),
    fc.constantFrom(
      '!\x11\0\x0c',
      '!!\0\x24',
      '\x20\0\0\0',
      '!\0\0\x01',
      '\0\0',
      '\x02\x08',
      '\xff\xff',
      'x'.repeat(60),
      '\0'.repeat(12),
    ),
  );
  const bytes = fc
    .tuple(
      fc.constantFrom('PROXY ', Buffer.from(SIGNATURE, 'hex').toString('latin1'), ''),
      fc.array(piece, { maxLength: 14 }),
    )
    .map(([start, pieces]) => text(start + pieces.join('')));

  it('what is said of the first is not unsaid by more, and a header is never longer than allowed', () => {
    let headers = 0;
    fc.assert(
      fc.property(bytes, fc.nat(), (all, at) => {
        const whole = readProxyHeader(all);
        const part = readProxyHeader(all.subarray(0, at % (all.length + 1)));
        expect([whole, { kind: 'more' }]).toContainEqual(part);
        const used = whole.kind === 'header' ? whole.length : whole.kind === 'more' ? all.length + 1 : 0;
        expect(used).toBeLessThanOrEqual(536);
        if (whole.kind !== 'header') return;
        headers += 1;
        expect(whole.length).toBeLessThanOrEqual(all.length);
        expect(isIP(whole.source?.address ?? '::1')).not.toBe(0);
      }),
      { numRuns: runs(5000) },
    );
    expect(headers).toBeGreaterThan(runs(50));
  });

  it('an address is read alike in both versions', () => {
    const bytes16 = fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((octets) => Buffer.from(octets).toString('hex'));
    fc.assert(
      fc.property(bytes16, fc.nat({ max: 65_535 }), (hex, port) => {
        const address = hex.match(/.{4}/g)?.join(':');
        const told = word(readProxyHeader(text(`PROXY TCP6 ${address} ::1 ${port} 25\r\n`)));
        const block = `${hex}${'0'.repeat(32)}${port.toString(16).padStart(4, '0')}0019`;
        expect(told).toMatch(/^[\d.a-f:]+ \d+$/);
        expect(word(readProxyHeader(binary('2121', block)))).toBe(told);
      }),
    );
  });
});
