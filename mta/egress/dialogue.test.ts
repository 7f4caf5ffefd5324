import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { greeting, login, METHODS, type Place, reply, REPLIES, request } from '#lib/socks/wire.ts';
import {
  type Attempted,
  BEGINNING,
  bound,
  connected,
  type DialogueRules,
  type Effect,
  ended,
  hear,
  type State,
  takesFrames,
} from './dialogue.ts';

const OPEN: DialogueRules = {
  sources: () => new Set(['192.0.2.1', '2001:db8::1']),
  ports: new Set([25]),
  allowPrivate: ['10.1.0.0/16', 'fd00::/8'],
};
const LOCKED: DialogueRules = {
  ...OPEN,
  knows: ({ user, password }) => user.toString() === 'worker' && password.toString() === 'secret',
};

const ANONYMOUS = greeting([METHODS.none]);
const LOGIN = greeting([METHODS.login]);
const BIND = 2;
const CONNECT = 1;
const SOURCE: Place = { address: '192.0.2.1', port: 0 };
const MX: Place = { address: '8.8.4.4', port: 25 };
const worker = login({ user: Buffer.from('worker'), password: Buffer.from('secret') });
const intruder = login({ user: Buffer.from('worker'), password: Buffer.from('Secret') });
const CONNECTED: Attempted = { kind: 'done', place: { address: '192.0.2.1', port: 40_000 } };

interface Told {
  readonly phases: readonly State['phase'][];
  readonly answers: readonly string[];
  readonly effects: readonly Effect[];
}

/** What comes of frames, when the machine does what it is asked for, or what it says instead. */
function tell(rules: DialogueRules, frames: readonly Buffer[], binds?: Attempted, connects = CONNECTED): Told {
  const [phases, answers, effects]: [State['phase'][], string[], Effect[]] = [[], [], []];
  let pending = Buffer.concat(frames);
  let state = BEGINNING;
  const note = (step: { state: State; answer?: Buffer; effect?: Effect }): void => {
    state = step.state;
    phases.push(state.phase);
    if (step.answer) answers.push(step.answer.toString('hex'));
    if (step.effect) effects.push(step.effect);
    if (step.effect?.kind === 'bind')
      note(bound(state, binds ?? { kind: 'done', place: { address: step.effect.from, port: 0 } }));
    if (step.effect?.kind === 'connect') note(connected(state, connects));
  };
  while (takesFrames(state) && pending.length > 0) {
    const step = hear(rules, state, pending);
    if (step.used === 0 && !step.effect) break;
    pending = pending.subarray(step.used);
    note(step);
  }
  return { phases, answers, effects };
}

const lastOf = ({ effects }: Told): Effect | undefined => effects.at(-1);

describe('a conversation', () => {
  test('binds, connects and hands on', () => {
    const told = tell(LOCKED, [LOGIN, worker, request(BIND, SOURCE), request(CONNECT, MX)]);
    expect(told.phases).toEqual(['login', 'request', 'binding', 'bound', 'connecting', 'relaying']);
    expect(told.answers).toEqual([
      '0502',
      '0100',
      reply(0, SOURCE).toString('hex'),
      reply(0, { address: '192.0.2.1', port: 40_000 }).toString('hex'),
    ]);
    expect(told.effects).toEqual([
      { kind: 'bind', from: '192.0.2.1' },
      { kind: 'connect', from: '192.0.2.1', to: MX },
      { kind: 'relay' },
    ]);
  });

  test('asks nobody where there are no logins', () => {
    expect(lastOf(tell(OPEN, [ANONYMOUS, request(BIND, SOURCE), request(CONNECT, MX)]))).toEqual({ kind: 'relay' });
  });

  test('is over IPv6 as well', () => {
    const source = { address: '2001:db8::1', port: 0 };
    const to = { address: '2a00:1450::1a', port: 25 };
    const connects: Attempted = { kind: 'done', place: { ...source, port: 1 } };
    const told = tell(OPEN, [ANONYMOUS, request(BIND, source), request(CONNECT, to)], undefined, connects);
    expect(lastOf(told)).toEqual({ kind: 'relay' });
  });

  test('goes to a private network that is named', () => {
    const frames = [ANONYMOUS, request(BIND, SOURCE), request(CONNECT, { address: '10.1.2.3', port: 25 })];
    expect(lastOf(tell(OPEN, frames))).toEqual({ kind: 'relay' });
  });
});

const bindTo = (address: string, port = 0): Buffer => request(BIND, { address, port });
const connectTo = (address: string, port = 25): Buffer => request(CONNECT, { address, port });
const SIX = bindTo('2001:db8::1');
const FOUR = bindTo('192.0.2.1');
const code = (of: keyof typeof REPLIES): string => reply(REPLIES[of]).toString('hex');

describe('A22: is refused,', () => {
  test.each<[string, readonly Buffer[], string, string]>([
    ['SOCKS4', [Buffer.from('0401001908080404', 'hex')], 'protocol', ''],
    ['HTTP', [Buffer.from('CONNECT mx:25 HTTP/1.1\r\n')], 'protocol', ''],
    ['no login', [ANONYMOUS], 'login', '05ff'],
    ['GSSAPI', [greeting([1])], 'login', '05ff'],
    ['a wrong login', [LOGIN, intruder], 'login', '0101'],
    ['garbage for a login', [LOGIN, Buffer.from('xyz')], 'protocol', '0502'],
    ['a request before the login', [LOGIN, FOUR], 'protocol', '0502'],
  ])('%s', (_, frames, outcome, answer) => {
    const told = tell(LOCKED, frames);
    expect(lastOf(told)).toEqual({ kind: 'close', outcome });
    expect(told.answers.at(-1) ?? '').toBe(answer);
  });

  test.each<[string, readonly Buffer[], string, string]>([
    ['an address of no pool', [bindTo('192.0.2.2')], 'source', code('notAllowed')],
    ['any address', [bindTo('0.0.0.0')], 'source', code('notAllowed')],
    ['any address of IPv6', [bindTo('::')], 'source', code('notAllowed')],
    ['a source in IPv6 form', [bindTo('::ffff:192.0.2.1')], 'source', code('notAllowed')],
    ['a port to leave from', [bindTo('192.0.2.1', 25)], 'source', code('notAllowed')],
    ['CONNECT without BIND', [connectTo('8.8.4.4')], 'command', code('failed')],
    ['two BINDs', [FOUR, FOUR], 'command', code('failed')],
    ['UDP ASSOCIATE', [request(3, MX)], 'command', code('unknownCommand')],
    ['a command that is none', [request(0, MX)], 'command', code('unknownCommand')],
    ['a name to leave from', [Buffer.from('0502000301610000', 'hex')], 'address-type', code('unknownAddressType')],
    ['a name to go to', [FOUR, Buffer.from('0501000301610019', 'hex')], 'address-type', code('unknownAddressType')],
    [
      'a type of address that is none',
      [FOUR, Buffer.from('05010005', 'hex')],
      'address-type',
      code('unknownAddressType'),
    ],
    ['a reserved octet that is set', [Buffer.from('05020101', 'hex')], 'protocol', code('failed')],
    ['another port', [FOUR, connectTo('8.8.4.4', 587)], 'port', code('notAllowed')],
    ['port 0', [FOUR, connectTo('8.8.4.4', 0)], 'port', code('notAllowed')],
    ['loopback', [FOUR, connectTo('127.0.0.1')], 'private', code('notAllowed')],
    ['a private network', [FOUR, connectTo('10.2.0.1')], 'private', code('notAllowed')],
    ['a link-local address', [FOUR, connectTo('169.254.169.254')], 'private', code('notAllowed')],
    ['no address', [FOUR, connectTo('0.0.0.0')], 'private', code('notAllowed')],
    ['multicast', [FOUR, connectTo('224.0.0.1')], 'private', code('notAllowed')],
    ['loopback of IPv6', [SIX, connectTo('::1')], 'private', code('notAllowed')],
    ['a unique local address', [SIX, connectTo('fc00::1')], 'private', code('notAllowed')],
    ['NAT64 to a private address', [SIX, connectTo('64:ff9b::a02:1')], 'private', code('notAllowed')],
    ['6to4 to a private address', [SIX, connectTo('2002:a02:1::1')], 'private', code('notAllowed')],
    ['a private network of class B', [FOUR, connectTo('172.31.255.1')], 'private', code('notAllowed')],
    ['a private network of class C', [FOUR, connectTo('192.168.1.1')], 'private', code('notAllowed')],
    ['addresses of a carrier', [FOUR, connectTo('100.64.0.1')], 'private', code('notAllowed')],
    ['networks for benchmarks', [FOUR, connectTo('198.19.0.1')], 'private', code('notAllowed')],
    ['everybody', [FOUR, connectTo('255.255.255.255')], 'private', code('notAllowed')],
    ['no address of IPv6', [SIX, connectTo('::')], 'private', code('notAllowed')],
    ['a link-local address of IPv6', [SIX, connectTo('fe80::1')], 'private', code('notAllowed')],
    ['multicast of IPv6', [SIX, connectTo('ff02::1')], 'private', code('notAllowed')],
    ['an old form of IPv4 in IPv6', [SIX, connectTo('::7f00:1')], 'private', code('notAllowed')],
    ['Teredo', [SIX, connectTo('2001:0:7f00:1::1')], 'private', code('notAllowed')],
    ['a mapped address', [SIX, connectTo('::ffff:8.8.4.4')], 'address-type', code('unknownAddressType')],
    ['a mapped private address', [SIX, connectTo('::ffff:10.1.0.1')], 'address-type', code('unknownAddressType')],
    ['IPv6 from an IPv4 address', [FOUR, connectTo('2a00:1450::1a')], 'address-type', code('unknownAddressType')],
    ['IPv4 from an IPv6 address', [SIX, connectTo('8.8.4.4')], 'address-type', code('unknownAddressType')],
  ])('%s', (_, frames, outcome, answer) => {
    const told = tell(OPEN, [ANONYMOUS, ...frames]);
    expect(lastOf(told)).toMatchObject({ kind: 'close', outcome });
    expect(told.answers.at(-1)).toBe(answer);
    expect(told.effects.some((it) => it.kind === 'connect')).toBe(false);
  });
});

// Read in crates/kumod/src/egress_source.rs and crates/proxy-server/src/proxy_handler.rs of KumoMTA, 3ebc1e85, and its library socksv5 0.3.1.
test('the dialogue is KumoMTA’s, octet by octet: methods, login, BIND with port 0, CONNECT', () => {
  const said = ['05020002', '0106776f726b657206736563726574', '05020001c00002010000', '05010001080804040019'];
  const told = tell(
    LOCKED,
    said.map((it) => Buffer.from(it, 'hex')),
  );
  // Its own proxy tells the port that it has bound, where ours says 0: KumoMTA reads the code alone.
  expect(told.answers).toEqual(['0502', '0100', '05000001c00002010000', '05000001c00002019c40']);
  expect(lastOf(told)).toEqual({ kind: 'relay' });
});

test('an address that the machine does not have is answered to BIND, and nothing is connected', () => {
  const failed: Attempted = { kind: 'failed', code: REPLIES.failed, outcome: 'unbound' };
  const told = tell(OPEN, [ANONYMOUS, FOUR, connectTo('8.8.4.4')], failed);
  expect(told.answers).toEqual(['0500', code('failed')]);
  expect(told.effects).toEqual([
    { kind: 'bind', from: '192.0.2.1' },
    { kind: 'close', outcome: 'unbound', asked: '192.0.2.1' },
  ]);
});

test('what a receiver answers to the connection is handed on in SOCKS’ own words', () => {
  const failed: Attempted = { kind: 'failed', code: REPLIES.refused, outcome: 'unreachable' };
  const told = tell(OPEN, [ANONYMOUS, FOUR, connectTo('8.8.4.4')], undefined, failed);
  expect(told.answers.at(-1)).toBe(code('refused'));
  expect(lastOf(told)).toEqual({ kind: 'close', outcome: 'unreachable', asked: '192.0.2.1 → [8.8.4.4]:25' });
});

test('what comes too late of a machine changes nothing once it is over', () => {
  const closed = ended('late').state;
  expect(bound(closed, CONNECTED)).toEqual({ state: { phase: 'closed' } });
  expect(connected(closed, CONNECTED)).toEqual({ state: { phase: 'closed' } });
});

test('whatever is said, nothing is connected but from an address that was bound, to where it may', () => {
  const addresses = fc.constantFrom('192.0.2.1', '2001:db8::1', '127.0.0.1', '8.8.4.4', '::1', '::ffff:8.8.4.4');
  const frame = fc.oneof(
    fc.constantFrom(ANONYMOUS, LOGIN, worker, intruder),
    fc
      .tuple(fc.integer({ min: 0, max: 4 }), addresses, fc.constantFrom(0, 25, 80))
      .map(([command, address, port]) => request(command, { address, port })),
    fc.uint8Array({ maxLength: 6 }).map((it) => Buffer.from(it)),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.boolean(), (frames, isLocked) => {
      const { effects } = tell(isLocked ? LOCKED : OPEN, frames);
      const [first, second] = effects;
      if (!effects.some((it) => it.kind === 'connect')) return;
      expect(second).toEqual({ kind: 'connect', from: '192.0.2.1', to: MX });
      expect(first).toEqual({ kind: 'bind', from: '192.0.2.1' });
      const said = Buffer.concat([LOGIN, worker]);
      expect(!isLocked || said.equals(Buffer.concat(frames).subarray(0, said.length))).toBe(true);
    }),
  );
});
