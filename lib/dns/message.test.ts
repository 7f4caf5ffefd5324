import { type Answer, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { a, cname, mx, soa, txt } from './fake-name-server.ts';
import { decodeResponse, encodeQuestion, isAskable, type Question } from './message.ts';
import { runs } from '../../test/harness/runs.ts';

const ASKED: Question = { name: 'example.net', type: 'MX' };

interface Saying {
  readonly id?: number;
  readonly flags?: number;
  readonly questions?: { name: string; type: 'MX' | 'A'; class?: 'IN' | 'CH' }[];
  readonly answers?: Answer[];
  readonly authorities?: Answer[];
  readonly additionals?: Answer[];
}

const response = ({ id = 7, questions = [{ name: 'example.net', type: 'MX' }], ...rest }: Saying): Buffer =>
  encode({ type: 'response', id, questions, ...rest });

const decoded = (saying: Saying) => decodeResponse(response(saying), 7, ASKED);

describe('a question', () => {
  test('asks for recursion, for what is validated, and for datagrams that pass every network', () => {
    const bytes = encodeQuestion(0xabcd, ASKED, true);
    expect(bytes.readUInt16BE(0)).toBe(0xabcd);
    expect(bytes.readUInt16BE(2)).toBe(0x0120);
    // OPT: the root, type 41, 1232 bytes, version 0, DO, no options.
    expect(bytes.subarray(-11).toString('hex')).toBe('00002904d0000080000000');
  });

  test('asks a server of a zone for what it knows itself', () => {
    expect(encodeQuestion(1, ASKED, false).readUInt16BE(2)).toBe(0x0020);
  });

  test.each([
    ['example.net', true],
    ['_25._tcp.mx_1.example.net', true],
    ['x'.repeat(63), true],
    ['x'.repeat(64), false],
    [`${'x.'.repeat(126)}x`, true],
    [`${'x.'.repeat(127)}x`, false],
    ['', false],
    ['.', false],
    ['a..b', false],
    ['.a', false],
    ['a b', false],
    ['a\nb', false],
    ['münchen.de', false],
  ])('%j can be asked: %s', (name, expected) => expect(isAskable(name)).toBe(expected));
});

describe('a response', () => {
  test('gives its records in lower case, with their TTLs', () => {
    const records = [mx('Example.NET', 10, 'MX1.example.net.', 300), cname('www.example.net', 'Example.net', 5)];
    expect(decoded({ answers: records })).toMatchObject({
      code: 'NOERROR',
      answers: [
        { name: 'example.net', type: 'MX', preference: 10, data: 'mx1.example.net', ttl: seconds(300) },
        { name: 'www.example.net', type: 'CNAME', preference: 0, data: 'example.net', ttl: seconds(5) },
      ],
    });
  });

  test.each([
    ['truncated', 0x02_00, { isTruncated: true }],
    ['authoritative', 0x04_00, { isAuthoritative: true }],
    ['recursive', 0x00_80, { isRecursive: true }],
    ['authenticated', 0x00_20, { isAuthenticated: true }],
    ['SERVFAIL', 2, { code: 'SERVFAIL' }],
    ['NXDOMAIN', 3, { code: 'NXDOMAIN' }],
    ['a code nobody knows', 11, { code: 'unknown code 11' }],
  ])('tells that it is %s', (_, flags, expected) => expect(decoded({ flags })).toMatchObject(expected));

  test('is no success when the EDNS record says more', () => {
    const opt: Answer = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 1, ednsVersion: 0, flags: 0, flag_do: false, options: [] }; // prettier-ignore
    expect(decoded({ additionals: [opt] })).toMatchObject({ code: 'unknown code 0' });
  });

  test.each([
    ['the minimum, if the record holds longer', soa('example.net', 60, 3600), seconds(60)],
    ['the TTL of the record, if that is less', soa('example.net', 3600, 60), seconds(60)],
  ])('"there is none" holds for %s', (_, authority, negativeTtl) =>
    expect(decoded({ authorities: [authority] })).toMatchObject({ negativeTtl }),
  );

  test('a TTL in the upper half of its range is 0', () => {
    expect(decoded({ answers: [mx('example.net', 1, 'a', 0x80_00_00_00)] })).toMatchObject({ answers: [{ ttl: 0 }] });
  });

  test('joins the strings of a TXT record', () => {
    expect(decoded({ answers: [txt('example.net', ['v=DKIM1; p=', 'abc'])] })).toMatchObject({
      answers: [{ data: 'v=DKIM1; p=abc' }],
    });
  });

  test.each([
    ['example.net\r\n250 ok', 'example.net??250?ok'],
    ['a b\u0000c\\d', 'a?b?c?d'],
    ['.', ''],
  ])('a host %j is %j', (exchange, data) => {
    expect(decoded({ answers: [mx('example.net', 1, exchange)] })).toMatchObject({ answers: [{ data }] });
  });

  test('leaves out what is of another class', () => {
    expect(decoded({ answers: [{ ...a('example.net', '192.0.2.1'), class: 'CH' } as Answer] })).toMatchObject({
      answers: [],
    });
  });

  test.each<[string, Buffer, string]>([
    ['another id', response({ id: 8 }), 'id'],
    ['another name', response({ questions: [{ name: 'example.org', type: 'MX' }] }), 'question'],
    ['another type', response({ questions: [{ name: 'example.net', type: 'A' }] }), 'question'],
    ['two questions', response({ questions: [{ name: 'example.net', type: 'MX' }, { name: 'example.net', type: 'A' }] }), 'question'],
    ['no question', response({ questions: [] }), 'question'],
    ['a question instead', encode({ type: 'query', id: 7, questions: [ASKED] }), 'malformed'],
    ['nothing', Buffer.alloc(0), 'malformed'],
    ['half a header', Buffer.alloc(6), 'malformed'],
    ['more records than it has room for', Buffer.concat([Buffer.from([0, 7, 0x80, 0, 0, 1]), Buffer.alloc(6, 0xff), Buffer.alloc(400)]), 'malformed'],
  ])('%s is none', (_, bytes, why) => expect(decodeResponse(bytes, 7, ASKED)).toBe(why)); // prettier-ignore

  test('C02: of thousands of records a few hundred are read', () => {
    const many = Array.from({ length: 3000 }, (_, at) => mx('example.net', at, 'a'));
    const read = decoded({ answers: many, authorities: [soa('example.net', 60)] });
    expect(typeof read !== 'string' && read.answers).toHaveLength(200);
  });

  test('C02: thousands of records beside the answer do not hide it', () => {
    const many = Array.from({ length: 3000 }, (_, at) => a(`n${at}`, '192.0.2.1'));
    const answers = [mx('example.net', 10, 'mx.example.net')];
    const negative = { authorities: [soa('example.net', 60), ...many] };
    expect(decoded({ answers, additionals: many })).toMatchObject({ answers: [{ data: 'mx.example.net' }] });
    expect(decoded({ ...negative, additionals: many })).toMatchObject({ negativeTtl: seconds(60) });
  });

  test('C02: no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(() => decodeResponse(Buffer.from(bytes), 7, ASKED)).not.toThrow();
      }),
      { numRuns: runs(2000) },
    );
  });

  test('C02: an answer with bytes changed or lost is read or refused', () => {
    const whole = response({
      answers: [mx('example.net', 10, 'mx.example.net'), txt('example.net', 'x'.repeat(200)), a('mx.example.net', '1.1.1.1')],
      authorities: [soa('example.net', 60)],
    }); // prettier-ignore
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.nat(whole.length), (changes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, byte] of changes) if (at < length) bytes[at] = byte;
        const read = decodeResponse(bytes, 7, ASKED);
        const records = typeof read === 'string' ? [] : read.answers.filter((it) => it.type !== 'TXT');
        expect(records.filter((it) => !/^[!-~]*$/.test(it.data))).toEqual([]);
      }),
      { numRuns: runs(3000) },
    );
  });
});
