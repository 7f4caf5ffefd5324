import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  COMMANDS,
  greeting,
  login,
  loginVerdict,
  LONGEST_FRAME,
  method,
  type Place,
  readGreeting,
  type Reading,
  readLogin,
  readLoginVerdict,
  readMethod,
  readReply,
  readRequest,
  reply,
  request,
} from './wire.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

const READERS = { readGreeting, readLogin, readRequest, readMethod, readLoginVerdict, readReply };
type Reader = keyof typeof READERS;
const readBy = (reader: Reader, bytes: Buffer): Reading<unknown> => READERS[reader](bytes);

/** As RFC 1928 and RFC 1929 have them. */
const FRAMES: readonly [string, Reader, string, unknown][] = [
  ['an offer of no login', 'readGreeting', '05 01 00', [0]],
  ['an offer of three methods', 'readGreeting', '05 03 00 01 02', [0, 1, 2]],
  ['a login', 'readLogin', '01 02 6d65 03 736563', { user: Buffer.from('me'), password: Buffer.from('sec') }],
  ['a BIND', 'readRequest', '05 02 00 01 c0000201 0000', { command: 2, place: { address: '192.0.2.1', port: 0 } }],
  [
    'a CONNECT over IPv6',
    'readRequest',
    '05 01 00 04 20010db8000000000000000000000001 0019',
    { command: 1, place: { address: '2001:db8::1', port: 25 } },
  ],
  [
    'a CONNECT to a mapped address',
    'readRequest',
    '05 01 00 04 00000000000000000000ffff0a000001 0019',
    { command: 1, place: { address: '::ffff:a00:1', port: 25 } },
  ],
  ['a CONNECT to a name', 'readRequest', '05 01 00 03 03 612e62 0019', { command: 1, place: 'name' }],
  ['a command that is unknown', 'readRequest', '05 7f 00 01 c0000201 0019', expect.objectContaining({ command: 127 })],
  ['a method', 'readMethod', '05 02', 2],
  ['no method', 'readMethod', '05 ff', 255],
  ['a verdict', 'readLoginVerdict', '01 01', 1],
  ['a reply', 'readReply', '05 05 00 01 00000000 0000', { code: 5, place: { address: '0.0.0.0', port: 0 } }],
  ['a reply with a name', 'readReply', '05 00 00 03 01 61 ffff', { code: 0, place: 'name' }],
];

describe('a frame', () => {
  test.each(FRAMES)('%s', (_, reader, text, frame) => {
    const bytes = hex(text);
    const followed = Buffer.concat([bytes, hex('05 01 00')]);
    expect(readBy(reader, followed)).toEqual({ kind: 'frame', length: bytes.length, frame });
    for (let at = 0; at < bytes.length; at += 1)
      expect([at, readBy(reader, bytes.subarray(0, at))]).toEqual([at, { kind: 'more' }]);
  });

  test.each<[string, Reader, string, string]>([
    ['of SOCKS4', 'readGreeting', '04 01 0019 c0000201 00', 'version'],
    ['of HTTP', 'readGreeting', '434f4e4e454354', 'version'],
    ['that offers no method', 'readGreeting', '05 00', 'length'],
    ['of another login', 'readLogin', '05 01', 'version'],
    ['of a login without a user', 'readLogin', '01 00', 'length'],
    ['of a login without a password', 'readLogin', '01 01 61 00', 'length'],
    ['of another version', 'readRequest', '04 01 00 01', 'version'],
    ['whose reserved octet is set', 'readRequest', '05 01 01', 'reserved'],
    ['of another type of address', 'readRequest', '05 01 00 02', 'address-type'],
    ['with an empty name', 'readRequest', '05 01 00 03 00', 'length'],
    ['of another version in a reply', 'readReply', '48', 'version'],
  ])('%s is a problem, whatever follows', (_, reader, text, problem) => {
    for (const rest of ['', '00', 'ff'.repeat(600)])
      expect(readBy(reader, hex(text + rest))).toEqual({ kind: 'problem', problem });
  });
});

test('what cannot be an address is no place', () => {
  for (const address of ['', 'mx.example.net', 'fe80::1%eth0', '1.2.3', '1::2::3'])
    expect(() => request(COMMANDS.connect, { address, port: 25 })).toThrow('not an IP address');
});

const port = fc.integer({ min: 0, max: 65_535 });
const places: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ address: fc.ipV4(), port }),
  fc.record({
    address: fc.ipV6().map((it) => new URL(`http://[${it}]/`).hostname.slice(1, -1)),
    port,
  }),
);
const part = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((it) => Buffer.from(it));
const code = fc.integer({ min: 0, max: 255 });

test('what is written is read again, cut anywhere, and nothing of what follows with it', () => {
  const frames = fc.oneof(
    places.map((place) => ['readRequest', request(1, place), { command: 1, place }] as const),
    fc.tuple(code, places).map(([it, place]) => ['readReply', reply(it, place), { code: it, place }] as const),
    fc.record({ user: part, password: part }).map((it) => ['readLogin', login(it), it] as const),
    fc.array(code, { minLength: 1, maxLength: 255 }).map((it) => ['readGreeting', greeting(it), it] as const),
    code.map((it) => ['readMethod', method(it), it] as const),
    fc.boolean().map((it) => ['readLoginVerdict', loginVerdict(it), it ? 0 : 1] as const),
  );
  fc.assert(
    fc.property(frames, fc.uint8Array({ maxLength: 20 }), ([reader, bytes, frame], rest) => {
      expect(readBy(reader, Buffer.concat([bytes, rest]))).toEqual({ kind: 'frame', length: bytes.length, frame });
      for (let at = 0; at < bytes.length; at += 1)
        if (readBy(reader, bytes.subarray(0, at)).kind !== 'more') throw new Error(`read at ${at} of ${bytes.length}`);
    }),
  );
});

test('garbage is read or refused within the longest frame, and never unsaid', () => {
  const garbage = fc
    .tuple(fc.constantFrom(0, 1, 5), fc.uint8Array({ minLength: LONGEST_FRAME, maxLength: LONGEST_FRAME + 50 }))
    .map(([first, rest]) => Buffer.from([first, ...rest]));
  fc.assert(
    fc.property(
      garbage,
      fc.constantFrom<Reader>('readGreeting', 'readLogin', 'readRequest', 'readReply'),
      (bytes, reader) => {
        const whole = readBy(reader, bytes);
        expect(whole.kind).not.toBe('more');
        let decided = false;
        for (let at = 0; at <= LONGEST_FRAME; at += 1) {
          const reading = readBy(reader, bytes.subarray(0, at));
          expect(reading).toEqual(decided || reading.kind !== 'more' ? whole : { kind: 'more' });
          decided ||= reading.kind !== 'more';
        }
        expect(decided).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});

test('addresses are told in the form the resources have them', () => {
  fc.assert(
    fc.property(places, (place) => {
      const reading = readRequest(request(COMMANDS.bind, place));
      expect(reading).toMatchObject({ frame: { place } });
      expect(isIPv4(place.address) || /^[0-9a-f:]+$/.test(place.address)).toBe(true);
    }),
  );
});
