import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  domainName,
  domainPattern,
  host,
  ipAddress,
  mailbox,
  networks,
  resolverAddress,
  serverUrl,
} from './address.ts';
import type { Schema } from './schema.ts';

const TABLE: readonly { what: string; schema: Schema; taken: unknown[]; refused: unknown[] }[] = [
  {
    what: 'a domain name',
    schema: domainName(),
    taken: ['example.com', 'xn--bcher-kva.example', 'a', '1.2-3.example'],
    refused: [
      'Example.com',
      'bücher.example',
      'example.com.',
      '.example',
      'a..b',
      '-a.b',
      'a-.b',
      'a_b.c',
      '',
      'a b',
      'a\n',
    ],
  },
  {
    what: 'a domain pattern',
    schema: domainPattern(),
    taken: ['example.com', '*.test', '*.a.test'],
    refused: ['*', '*.', '*test', 'a.*.test', '**.test', '.test'],
  },
  {
    what: 'an address',
    schema: ipAddress(),
    taken: ['192.0.2.1', '0.0.0.0', '::1', '2001:db8::1', 'fe80::1'],
    refused: [
      '192.0.2.01',
      '192.0.2',
      '2001:DB8::1',
      '2001:db8:0::1',
      '0:0:0:0:0:0:0:1',
      '::ffff:192.0.2.1',
      '::ffff:c000:201',
      'fe80::1%eth0',
      'localhost',
      '[::1]',
    ],
  },
  {
    what: 'networks',
    schema: networks(),
    taken: [[], ['127.0.0.0/8'], ['0.0.0.0/0', '::/0'], ['2001:db8::/128']],
    refused: [
      ['127.0.0.1'],
      ['127.0.0.0/33'],
      ['127.0.0.0/08'],
      ['::/129'],
      ['127.0.0.0/8/8'],
      ['/8'],
      ['::ffff:1.2.3.4/96'],
      '127.0.0.0/8',
    ],
  },
  {
    what: 'a resolver',
    schema: resolverAddress(),
    taken: ['192.0.2.53', '192.0.2.53:5353', '2001:db8::53', '[2001:db8::53]', '[2001:db8::53]:53'],
    refused: [
      '192.0.2.53:0',
      '192.0.2.53:65536',
      '192.0.2.53:',
      '192.0.2:53',
      'dns.example',
      '[192.0.2.1]:53',
      '[::1',
      '2001:db8::53]',
    ],
  },
  {
    what: 'a host',
    schema: host(),
    taken: ['mail.example.com', '127.0.0.1', '2001:db8::1', '::1'],
    refused: ['[::1]', 'Mail.example.com', 'a:25x', ''],
  },
  {
    what: 'a mailbox',
    schema: mailbox(),
    taken: ['postmaster@example.com', 'a+b@x.example'],
    refused: ['postmaster', '@example.com', 'a b@example.com', 'a@b@c', '<a@b.c>', 'a@b.c\r\nX: y'],
  },
  {
    what: 'a server',
    schema: serverUrl('redis', 'rediss'),
    taken: ['redis://redis:6379', 'rediss://redis.example', 'redis://[2001:db8::1]:6379'],
    refused: ['redis://user:secret@redis:6379', 'http://redis', 'redis://redis:0', 'redis://redis/0', 'redis:'],
  },
];

// A row of its own for each value, as some are lists themselves.
const rows = (values: readonly unknown[]): [string, unknown][] => values.map((value) => [JSON.stringify(value), value]);

describe.each(TABLE)('$what', ({ schema, taken, refused }) => {
  it.each(rows(taken))('takes %s', (_, value) => {
    expect(schema.safeParse(value).success).toBe(true);
  });
  it.each(rows(refused))('refuses %s', (_, value) => {
    expect(schema.safeParse(value).success).toBe(false);
  });
});

describe('every spelling of an address', () => {
  it('takes each IPv4 address as it is written', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(ipAddress().safeParse(address).success).toBe(true);
      }),
    );
  });

  it('takes exactly one of all IPv6 spellings of one address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const shortest = new URL(`http://[${address}]/`).hostname.slice(1, -1);
        // IPv4 in IPv6 clothes has no spelling that is taken.
        const isMapped = /^::ffff:[^:]+:[^:]+$/.test(shortest);
        expect(ipAddress().safeParse(shortest).success).toBe(!isMapped);
        expect(ipAddress().safeParse(address).success).toBe(!isMapped && address === shortest);
      }),
    );
  });

  it('never throws for any text', () => {
    const all = [domainName(), ipAddress(), resolverAddress(), host(), mailbox()];
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(...all), (text, schema) => {
        expect(() => schema.safeParse(text)).not.toThrow();
      }),
    );
  });
});
