import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Doors } from '#lib/address/doors.ts';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { milliseconds, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { until } from '../../test/harness/until.ts';
import { Logins } from '../egress/logins.ts';
import { EgressServer } from '../egress/server.ts';
import { egressTimes } from '../egress/session.ts';
import { replyLine } from '../mail/reply.ts';
import { connect, type Connection, isConnectFailure, type Source, type TlsMode } from './connect.ts';
import { FakePeer, type Script } from './fake-peer.ts';
import { Lacks } from './lacks.ts';
import type { Proxy, ProxyAccess } from './proxied.ts';
import { defaultTimeouts } from './timeouts.ts';
import { clientContext } from './tls.ts';

let certificate: Certificate;
beforeAll(async () => {
  certificate = await selfMadeCertificate(['mx.example.net', '127.0.0.1']);
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const SOURCE = '127.0.0.9';
const accessible = (access: ProxyAccess | { readonly problem: string }): Proxy => ({
  name: 'proxy.test:1080',
  access: async () => access,
});

interface ProxyOptions {
  readonly port: number;
  readonly isSecure?: boolean;
  readonly logins?: Logins;
  readonly sources?: readonly string[];
}

/** The real proxy, which lets mail leave to one port on loopback. */
async function startProxy({ port, isSecure = false, logins, sources = [SOURCE] }: ProxyOptions): Promise<number> {
  const secureContext = createSecureContext(certificate);
  const server = await EgressServer.listen({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    times: { ...egressTimes, handshake: isSecure && !logins ? milliseconds(50) : egressTimes.handshake },
    doors: new Doors(() => ({ connections: 10, connectionsPerAddress: 10 })),
    rules: () => ({
      sources: () => new Set(sources),
      ports: new Set([port]),
      allowPrivate: ['127.0.0.1/32'],
      knows: logins && ((login) => logins.knows(login)),
    }),
    secureContext: isSecure ? () => secureContext : undefined,
    observer: { ended: () => undefined, relayed: () => undefined },
    turnedAway: () => undefined,
  });
  closers.push(() => server.close(0));
  return server.port;
}

async function startPeer(script: Script): Promise<FakePeer> {
  const peer = await FakePeer.start(script);
  closers.push(() => peer.stop());
  return peer;
}

async function dial(port: number, proxy: Proxy, tls: TlsMode = 'None', address = '127.0.0.1'): Promise<Connection> {
  const source: Source = { address: SOURCE, ehloName: 'out.example.com', proxy };
  const setup = {
    clock: systemClock,
    timeouts: defaultTimeouts,
    context: clientContext([certificate.cert]),
    lacks: new Lacks(systemClock),
  };
  const approach = { source, tls, tlsMinVersion: 'TLSv1.2', allowPrivate: ['127.0.0.0/8'] } as const;
  const connection = await connect({ host: 'mx.example.net', address, port }, approach, setup);
  if (!isConnectFailure(connection)) closers.push(() => void connection.quit());
  return connection;
}

/** `stage: reply`, or the facts of a session. */
const brief = (it: Connection): string =>
  isConnectFailure(it) ? `${it.own ? 'own ' : ''}${it.stage}: ${replyLine(it.reply)}` : `from ${it.source}`;

const login = { user: Buffer.from('worker'), password: Buffer.from('secret') };
const trusting = () => clientContext([certificate.cert]);

/** The one address its connections come from. */
const seen: string[] = [];
const greeter: Script = async (client) => {
  seen.push(client.socket.remoteAddress ?? '');
  client.say('220 mx');
  await client.answer('EHLO', '250-mx', '250 STARTTLS');
  await client.closed();
};
const encrypting: Script = async (client) => {
  client.say('220 mx');
  await client.answer('EHLO', '250-mx', '250 STARTTLS');
  await client.line();
  client.say('220 go ahead');
  await client.startTls(certificate);
  await client.answer('EHLO', '250-mx', '250 SIZE 7');
  await client.closed();
};

describe('through the proxy', () => {
  test('a receiver sees the address of the proxy’s machine, and what it said at once is heard', async () => {
    const { port } = await startPeer(greeter);
    const proxy = accessible({ host: '127.0.0.1', port: await startProxy({ port }) });
    expect(brief(await dial(port, proxy))).toBe(`from ${SOURCE}`);
    expect(seen).toEqual([SOURCE]);
  });

  test('STARTTLS goes from end to end, under the TLS and the login of the proxy as well', async () => {
    const { port } = await startPeer(encrypting);
    const logins = Logins.from('worker:secret', 'a test');
    const at = await startProxy({ port, isSecure: true, logins });
    const proxy = accessible({ host: '127.0.0.1', port: at, login, context: trusting() });
    const connection = await dial(port, proxy, 'Required');
    expect(brief(connection)).toBe(`from ${SOURCE}`);
    expect(connection).toMatchObject({ isVerified: true, capabilities: { size: 7 } });
  });

  test('what a receiver does is told as if there was none', async () => {
    const peer = await startPeer(greeter);
    await peer.stop();
    const proxy = accessible({ host: '127.0.0.1', port: await startProxy({ port: peer.port }) });
    expect(brief(await dial(peer.port, proxy))).toBe('own connect: 451 4.4.1 no connection (ECONNREFUSED)');
  });

  test('what it does not connect to is about that receiver alone', async () => {
    const { port } = await startPeer(greeter);
    const proxy = accessible({ host: '127.0.0.1', port: await startProxy({ port: port - 1 }) });
    expect(brief(await dial(port, proxy))).toBe(
      `own connect: 451 4.4.1 the egress proxy proxy.test:1080 does not connect to mx.example.net [127.0.0.1]:${port} (SOCKS5 reply 2)`,
    );
  });

  test('the worker goes by its own rules before', async () => {
    const { port } = await startPeer(greeter);
    const proxy = accessible({ problem: 'was asked' });
    expect(brief(await dial(port, proxy, 'None', '10.0.0.1'))).toBe(
      'own connect: 550 5.4.4 10.0.0.1 is a private address',
    );
  });
});

const FAULTS: readonly [string, Partial<ProxyOptions>, Partial<ProxyAccess>, string | RegExp][] = [
  ['is not allowed the source', { sources: [] }, {}, `lets nothing leave from ${SOURCE}`],
  ['wants a login', { logins: Logins.from('worker:secret', '') }, {}, 'wants a login and has none'],
  ['does not know the login', { logins: Logins.from('worker:other', '') }, { login }, 'refuses the login'],
  ['asks for no login', {}, { login }, 'takes no login'],
  ['speaks TLS where none is expected', { isSecure: true }, {}, /answers what is not SOCKS5|closed the connection/],
];

describe('a fault of the source is a proxy that', () => {
  test.each(FAULTS)('%s', async (_, server, client, why) => {
    const { port } = await startPeer(greeter);
    const at = await startProxy({ port, ...server });
    const said = brief(await dial(port, accessible({ host: '127.0.0.1', port: at, ...client })));
    expect(said).toMatch(/^own bind: 451 4\.3\.0 the egress proxy proxy\.test:1080 /);
    expect(said).toMatch(why);
  });

  test('does not have the address', async () => {
    const { port } = await startPeer(greeter);
    const at = await startProxy({ port, sources: ['192.0.2.77'] });
    const source: Source = {
      address: '192.0.2.77',
      ehloName: 'out.example.com',
      proxy: accessible({ host: '127.0.0.1', port: at }),
    };
    const setup = {
      clock: systemClock,
      timeouts: defaultTimeouts,
      context: clientContext([]),
      lacks: new Lacks(systemClock),
    };
    const approach = { source, tls: 'None', tlsMinVersion: 'TLSv1.2', allowPrivate: ['127.0.0.0/8'] } as const;
    const failed = await connect({ host: 'mx', address: '127.0.0.1', port }, approach, setup);
    expect(brief(failed)).toContain('own bind: 451 4.3.0 the egress proxy proxy.test:1080 cannot bind to 192.0.2.77');
  });

  test('is away', async () => {
    const { port } = await startPeer(greeter);
    const peer = await startPeer(greeter);
    await peer.stop();
    expect(brief(await dial(port, accessible({ host: '127.0.0.1', port: peer.port })))).toBe(
      'own bind: 451 4.3.0 the egress proxy proxy.test:1080 cannot be reached: no connection (ECONNREFUSED)',
    );
  });

  test('has another certificate', async () => {
    const { port } = await startPeer(greeter);
    const at = await startProxy({ port, isSecure: true });
    const context = clientContext([]);
    expect(brief(await dial(port, accessible({ host: '127.0.0.1', port: at, context })))).toContain(
      'cannot be trusted: ',
    );
  });

  test('has no secret here', async () => {
    const { port } = await startPeer(greeter);
    expect(brief(await dial(port, accessible({ problem: 'cannot be reached: no secret' })))).toContain('no secret');
  });
});

/** What scripted proxies have heard. */
let questions = 0;

/** Whatever listens at the proxy's place: what it answers to each thing it hears, in order. */
async function startScripted(...answers: readonly string[]): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    const left = [...answers];
    socket.on('data', () => {
      questions += 1;
      const next = left.shift();
      if (next === 'end') socket.end();
      else if (next !== undefined) for (const it of next.split(' ')) socket.write(Buffer.from(it, 'hex'));
    });
  }).listen(0, '127.0.0.1');
  closers.push(() => {
    for (const it of sockets) it.destroy();
    server.close();
  });
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

const BOUND = '050000017f0000090000';

describe('what a proxy answers', () => {
  test.each<[string, readonly string[], string]>([
    ['garbage', ['48545450'], 'bind: 451 4.3.0 the egress proxy proxy.test:1080 answers what is not SOCKS5'],
    ['nothing but its end', ['end'], 'bind: 451 4.3.0 the egress proxy proxy.test:1080 closed the connection'],
    ['an end to BIND', ['0500', 'end'], 'bind: 451 4.3.0 the egress proxy proxy.test:1080 closed the connection'],
    ['that it failed', ['0500', '05010001000000000000'], `cannot bind to ${SOURCE} (SOCKS5 reply 1)`],
    ['in pieces', ['05 00', '05 0200 01000000 000000'], `lets nothing leave from ${SOURCE}`],
    [
      'that CONNECT failed',
      ['0500', BOUND, '05010001000000000000'],
      'bind: 451 4.3.0 the egress proxy proxy.test:1080 cannot connect',
    ],
    ['another address', ['0500', BOUND, '050000017f0000010019'], `connected from 127.0.0.1 in place of ${SOURCE}`],
    ['a name', ['0500', BOUND, '0500000301610019'], `connected from a name in place of ${SOURCE}`],
    ['no network', ['0500', BOUND, '05030001000000000000'], 'own connect: 451 4.4.1 no connection (ENETUNREACH)'],
    ['no host', ['0500', BOUND, '05040001000000000000'], 'own connect: 451 4.4.1 no connection (EHOSTUNREACH)'],
    ['no answer', ['0500', BOUND, '05060001000000000000'], 'own connect: 451 4.4.1 no connection (ETIMEDOUT)'],
    [
      'no such addresses',
      ['0500', BOUND, '05080001000000000000'],
      'own connect: 451 4.4.1 the egress proxy proxy.test:1080 does not',
    ],
  ])('%s', async (_, answers, said) => {
    const at = await startScripted(...answers);
    expect(brief(await dial(25, accessible({ host: '127.0.0.1', port: at })))).toContain(said);
  });

  test('together with a banner is told apart from it', async () => {
    const ascii = (text: string): string => Buffer.from(text).toString('hex');
    const connected = `050000017f000009ffff${ascii('220 mx\r\n')}`;
    const at = await startScripted('0500', BOUND, connected, ascii('250 mx\r\n'));
    expect(brief(await dial(25, accessible({ host: '127.0.0.1', port: at })))).toBe(`from ${SOURCE}`);
  });
});

test('a proxy that says nothing is waited for ten seconds, a receiver behind it as long as without', async () => {
  for (const [answers, wait, said] of [
    [[], 10, 'own bind: 451 4.3.0 the egress proxy proxy.test:1080 does not answer in time'],
    [['0500', BOUND], 40, 'own connect: 451 4.4.1 no connection (ETIMEDOUT)'],
  ] as const) {
    const at = await startScripted(...answers);
    questions = 0;
    const clock = new FakeClock();
    const proxy = accessible({ host: '127.0.0.1', port: at });
    const source: Source = { address: SOURCE, ehloName: 'out.example.com', proxy };
    const setup = { clock, timeouts: defaultTimeouts, context: clientContext([]), lacks: new Lacks(clock) };
    const approach = { source, tls: 'None', tlsMinVersion: 'TLSv1.2', allowPrivate: ['127.0.0.0/8'] } as const;
    let ended: Connection | undefined;
    void connect({ host: 'mx', address: '127.0.0.1', port: 25 }, approach, setup).then((it) => (ended = it));
    await until('the last question', () => questions === answers.length + 1);
    clock.advance(wait * 1000);
    expect(brief(await until('the end', () => ended))).toBe(said);
  }
});
