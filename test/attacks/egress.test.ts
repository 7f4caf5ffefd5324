/**
 * What strangers, and workers who want more than they may, get from a real egress proxy: not one connection.
 *
 * A trap listens on every address of this machine, at the port that may be reached and at another. One place behind it may be
 * reached, from one address: the test that comes last goes there, so that the trap is known to count.
 */
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { greeting, login, request } from '#lib/socks/wire.ts';
import { ConfigFolder } from '../harness/config.ts';
import { EgressProxy } from '../harness/egress.ts';
import { freePorts } from '../harness/ports.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const SOURCE = '127.0.0.5';
const SUSPENDED = '127.0.0.6';
const LOCAL = '127.0.0.7';
const UNPLUMBED = '192.0.2.1';
const SIX = '::1';
/** Named on the command line. */
const ALLOWED = '127.0.8.1';

let proxy: EgressProxy;
let [smtp, other] = [0, 0];
const caught: Socket[] = [];
const traps: Server[] = [];

const member = (name: string, address: string, more: object = {}): object => ({
  name,
  address,
  egress: 'Proxy',
  proxy: { url: 'socks5://127.0.0.1:1080' },
  ...more,
});

beforeAll(async () => {
  [smtp = 0, other = 0] = await freePorts(2);
  for (const port of [smtp, other]) {
    const trap = createServer((socket) => caught.push(socket.on('error', () => undefined)));
    traps.push(trap);
    await new Promise<void>((resolve) => trap.listen(port, '::', resolve));
  }
  const members = [
    member('good', SOURCE),
    member('suspended', SUSPENDED, { suspend: true }),
    { name: 'local', address: LOCAL, egress: 'Local' },
    member('unplumbed', UNPLUMBED),
    member('six', SIX),
  ];
  const config = await ConfigFolder.from(scene, 'bench', { IPPool: { spec: { members } } });
  const auth = join(scene.folder('secrets'), 'logins');
  writeFileSync(auth, 'worker:secret\n');
  proxy = await EgressProxy.start(scene, config.path, {
    allowPrivate: '127.0.8.0/24',
    allowPort: smtp,
    flags: ['--auth', auth, '--connections-per-client', '200'],
  });
});

afterAll(() => {
  for (const it of caught) it.destroy();
  for (const it of traps) it.close();
});

type Bytes = Buffer | string;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const pass = (user: string, password: string): Buffer =>
  login({ user: Buffer.from(user), password: Buffer.from(password) });
const bind = (address: string, port = 0): Buffer => request(2, { address, port });
const go = (address: string, port = smtp): Buffer => request(1, { address, port });
const portOf = (port: number): string => port.toString(16).padStart(4, '0');

/** What everybody would like to say once they are in. */
const wish = (): Bytes[] => [bind(SOURCE), go(ALLOWED)];
const IN = [greeting([2]), pass('worker', 'secret')];
const BOUND = [...IN, bind(SOURCE)];
const BOUND_SIX = [...IN, bind(SIX)];

/** Strangers. */
const UNKNOWN: readonly [string, () => readonly Bytes[]][] = [
  ['no login', () => [greeting([0]), ...wish()]],
  ['GSSAPI', () => [greeting([1]), ...wish()]],
  ['every method but the one that is asked for', () => [greeting([0, 1, ...range(3, 255)]), ...wish()]],
  ['no method at all', () => [hex('0500'), ...wish()]],
  ['a wrong password', () => [greeting([2]), pass('worker', 'Secret'), ...wish()]],
  ['a wrong user', () => [greeting([2]), pass('Worker', 'secret'), ...wish()]],
  ['the beginning of a password', () => [greeting([2]), pass('worker', 'secre'), ...wish()]],
  ['a password with more', () => [greeting([2]), pass('worker', 'secret\0'), ...wish()]],
  ['user and password cut elsewhere', () => [greeting([2]), pass('workers', 'ecret'), ...wish()]],
  ['an empty user', () => [greeting([2]), hex('0100 06 736563726574'), ...wish()]],
  ['an empty password', () => [greeting([2]), hex('0106 776f726b6572 00'), ...wish()]],
  ['fields as long as can be', () => [greeting([2]), pass('w'.repeat(255), 's'.repeat(255)), ...wish()]],
  ['another version of the login', () => [greeting([2]), hex('05'), ...wish()]],
  ['a request in place of the login', () => [greeting([2]), ...wish()]],
  ['a request in place of the greeting', () => wish()],
  ['SOCKS4', () => [hex(`0401 ${portOf(smtp)} 7f000801 00`), ...wish()]],
  ['SOCKS4a', () => [hex(`0401 ${portOf(smtp)} 00000001 00 6c6f63616c686f737400`), ...wish()]],
  ['HTTP', () => [`CONNECT ${ALLOWED}:${smtp} HTTP/1.1\r\nHost: ${ALLOWED}\r\n\r\n`]],
  ['SMTP', () => ['EHLO there\r\nMAIL FROM:<a@example.com>\r\n']],
  ['a TLS handshake', () => [hex('1603010200 010001fc0303'), Buffer.alloc(500)]],
  ['a PROXY header', () => [`PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n`, greeting([0]), ...wish()]],
  ['a megabyte of garbage', () => [Buffer.alloc(1024 * 1024, 5)]],
];

/** Workers. */
const KNOWN: readonly [string, () => readonly Bytes[]][] = [
  ['CONNECT without BIND', () => [...IN, go(ALLOWED)]],
  ['an address of no pool', () => [...IN, bind('127.0.0.8'), go(ALLOWED)]],
  ['an address that is suspended', () => [...IN, bind(SUSPENDED), go(ALLOWED)]],
  ['an address that is for no proxy', () => [...IN, bind(LOCAL), go(ALLOWED)]],
  ['an address that is not here', () => [...IN, bind(UNPLUMBED), go(ALLOWED)]],
  ['any address', () => [...IN, bind('0.0.0.0'), go(ALLOWED)]],
  ['any address of IPv6', () => [...IN, bind('::'), go(ALLOWED)]],
  ['a good address in IPv6 form', () => [...IN, bind(`::ffff:${SOURCE}`), go(ALLOWED)]],
  ['a port to leave from', () => [...IN, bind(SOURCE, 25), go(ALLOWED)]],
  ['a name to leave from', () => [...IN, hex('05020003 09 6c6f63616c686f7374 0000'), go(ALLOWED)]],
  ['two addresses', () => [...BOUND, bind(SIX), go(ALLOWED)]],
  ['UDP ASSOCIATE', () => [...IN, request(3, { address: ALLOWED, port: smtp }), go(ALLOWED)]],
  ['UDP ASSOCIATE after BIND', () => [...BOUND, request(3, { address: ALLOWED, port: smtp }), go(ALLOWED)]],
  ['command 0', () => [...BOUND, request(0, { address: ALLOWED, port: smtp })]],
  ['a command of another proxy', () => [...BOUND, request(0xf0, { address: ALLOWED, port: smtp })]],
  ['another port', () => [...BOUND, go(ALLOWED, other)]],
  ['port 0', () => [...BOUND, go(ALLOWED, 0)]],
  ['loopback', () => [...BOUND, go('127.0.0.1')]],
  ['the address it leaves from', () => [...BOUND, go(SOURCE)]],
  ['the address beside the network that is named', () => [...BOUND, go('127.0.9.1')]],
  ['no address', () => [...BOUND, go('0.0.0.0')]],
  ['metadata of a cloud', () => [...BOUND, go('169.254.169.254')]],
  ['a private network', () => [...BOUND, go('10.0.0.1')]],
  ['multicast', () => [...BOUND, go('224.0.0.1')]],
  ['broadcast', () => [...BOUND, go('255.255.255.255')]],
  ['a name to go to', () => [...BOUND, hex(`05010003 09 6c6f63616c686f7374 ${portOf(smtp)}`)]],
  ['a name that is an address', () => [...BOUND, hex(`05010003 09 3132372e302e382e31 ${portOf(smtp)}`)]],
  ['a name of 255 octets', () => [...BOUND, hex(`05010003 ff ${'61'.repeat(255)} ${portOf(smtp)}`)]],
  ['an empty name', () => [...BOUND, hex(`05010003 00 ${portOf(smtp)}`)]],
  ['a type of address that is none', () => [...BOUND, hex(`05010002 7f000801 ${portOf(smtp)}`)]],
  ['an address in IPv6 form', () => [...BOUND, go(`::ffff:${ALLOWED}`)]],
  ['the same from an IPv6 address', () => [...BOUND_SIX, go(`::ffff:${ALLOWED}`)]],
  ['loopback in IPv6 form', () => [...BOUND_SIX, go('::ffff:127.0.0.1')]],
  ['loopback of IPv6', () => [...BOUND_SIX, go('::1')]],
  ['loopback of IPv6 from an IPv4 address', () => [...BOUND, go('::1')]],
  ['an address of the other family', () => [...BOUND_SIX, go(ALLOWED)]],
  ['no address of IPv6', () => [...BOUND_SIX, go('::')]],
  ['an old form of an IPv4 address', () => [...BOUND_SIX, go('::127.0.8.1')]],
  ['NAT64', () => [...BOUND_SIX, go('64:ff9b::7f00:801')]],
  ['6to4', () => [...BOUND_SIX, go('2002:7f00:801::1')]],
  ['a link-local address', () => [...BOUND_SIX, go('fe80::1')]],
  ['a unique local address', () => [...BOUND_SIX, go('fd00::1')]],
  ['a reserved octet', () => [...BOUND, hex(`050101 01 7f000801 ${portOf(smtp)}`)]],
  ['another version', () => [...BOUND, hex(`040100 01 7f000801 ${portOf(smtp)}`)]],
  ['another login', () => [...BOUND, pass('worker', 'secret'), go(ALLOWED)]],
];

/** They have ten seconds, so that once is enough. */
const SLOW: typeof KNOWN = [
  ['a greeting that does not end', () => [hex('05')]],
  ['a login that does not end', () => [greeting([2]), hex('0106 776f')]],
  ['bytes that come too slowly', () => [...BOUND, hex('0501 00')]],
];

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}

/** Says all of it, at once or a frame at a time; resolves with what was answered when the proxy has closed. */
async function attempt(bytes: readonly Bytes[], isPatient: boolean): Promise<Buffer> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true }).on('error', () => undefined);
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  for (const it of bytes) {
    const answers = heard.length;
    socket.write(it);
    if (isPatient)
      await until('an answer', () => heard.length > answers || socket.readableEnded || socket.closed, 20_000);
  }
  await until('the end', () => socket.readableEnded || socket.closed, 20_000);
  socket.destroy();
  return Buffer.concat(heard);
}

/** BIND and CONNECT both went well, over IPv4 or IPv6. */
const ALL_WELL = /^05(00|020100)050000(01.{12}|04.{36})0500/;

describe('A22: an egress proxy connects nobody', () => {
  test.each([
    ['who is not known, all at once', UNKNOWN, false],
    ['who is not known, step by step', UNKNOWN, true],
    ['who wants more than it may, all at once', [...KNOWN, ...SLOW], false],
    ['who wants more than it may, step by step', KNOWN, true],
  ] as const)('%s', async (_, attempts, isPatient) => {
    const all = await Promise.all(
      attempts.map(async ([name, bytes]) => ({ name, answer: await attempt(bytes(), isPatient) })),
    );
    const through = all.filter(({ answer }) => ALL_WELL.test(answer.toString('hex')));
    expect(through.map(({ name }) => name)).toEqual([]);
    expect(all.length).toBeGreaterThan(20);
    expect(caught).toHaveLength(0);
  });

  test('that is one too many', async () => {
    const held = Array.from({ length: 210 }, () =>
      connect({ port: proxy.port, host: '127.0.0.1' }).on('error', () => undefined),
    );
    await until('ten are closed', () => held.filter((it) => it.closed || it.readableEnded).length >= 10);
    expect(held.filter((it) => !it.closed).length).toBeLessThanOrEqual(200);
    for (const it of held) it.destroy();
    expect(caught).toHaveLength(0);
  });

  test('twice: what follows a connection is for the receiver', async () => {
    await until('there is room', async () => {
      const page = await (await fetch(`${proxy.metricsUrl}/metrics`)).text();
      return /^postfleet_egress_connections 0$/m.test(page);
    });
    const socket = connect({ port: proxy.port, host: '127.0.0.1' });
    const second = [bind(SIX), go(ALLOWED)];
    socket.write(Buffer.concat([...BOUND, go(ALLOWED), ...second]));
    const [receiver] = await until('the one connection', () => (caught.length > 0 ? caught : undefined));
    const heard: Buffer[] = [];
    receiver?.on('data', (chunk: Buffer) => heard.push(chunk));
    await until('its bytes', () => Buffer.concat(heard).length >= Buffer.concat(second).length);
    expect(Buffer.concat(heard)).toEqual(Buffer.concat(second));
    expect(receiver?.remoteAddress).toBe(`::ffff:${SOURCE}`);
    expect(caught).toHaveLength(1);
    socket.destroy();
    const outcomes = await proxy.outcomes();
    expect(outcomes['connected']).toBe(1);
    for (const it of ['source', 'unbound', 'port', 'private', 'login', 'command', 'address-type', 'protocol', 'late'])
      expect([it, (outcomes[it] ?? 0) > 0]).toEqual([it, true]);
    expect(proxy.program.stdout).not.toContain('secret');
  });
});
