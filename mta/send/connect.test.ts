import type { SecureVersion } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { minutes, seconds, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { replyLine } from '../mail/reply.ts';
import { type Approach, connect, type ConnectFailure, type Connection, isConnectFailure } from './connect.ts';
import { type Client, FakePeer, type Script } from './fake-peer.ts';
import { Lacks } from './lacks.ts';
import type { Session } from './session.ts';
import { defaultTimeouts } from './timeouts.ts';
import { type ClientContext, clientContext } from './tls.ts';

let certificate: Certificate;
let trusting: ClientContext;
const doubting = clientContext([]);
beforeAll(async () => {
  certificate = await selfMadeCertificate(['mx.example.net', '127.0.0.1'], systemClock);
  trusting = clientContext([certificate.cert]);
});

const peers: FakePeer[] = [];
const sessions: Session[] = [];
afterEach(async () => {
  for (const session of sessions.splice(0)) void session.quit();
  for (const peer of peers.splice(0)) await peer.stop();
});

interface Options extends Partial<Approach> {
  readonly host?: string;
  readonly address?: string;
  readonly context?: ClientContext;
  readonly clock?: FakeClock;
  readonly lacks?: Lacks;
}

async function start(script: Script): Promise<FakePeer> {
  const peer = await FakePeer.start(script);
  peers.push(peer);
  return peer;
}

async function dialTo(port: number, options: Options = {}): Promise<Connection> {
  const { host = 'mx.example.net', address = '127.0.0.1', context = doubting, clock = systemClock, ...given } = options;
  const { lacks = new Lacks(clock), ...rest } = given;
  const approach = {
    source: { address: '', ehloName: 'out.example.com' },
    tls: 'None',
    tlsMinVersion: 'TLSv1.2',
    allowPrivate: ['127.0.0.0/8'],
    ...rest,
  } as const;
  const setup = { clock, timeouts: defaultTimeouts, context, lacks };
  const connection = await connect({ host, address, port }, approach, setup);
  if (!isConnectFailure(connection)) sessions.push(connection);
  return connection;
}

async function opened(script: Script, options: Options = {}): Promise<Session> {
  const connection = await dialTo((await start(script)).port, options);
  if (isConnectFailure(connection)) throw new Error(replyLine(connection.reply));
  return connection;
}

async function failed(script: Script, options: Options = {}): Promise<ConnectFailure> {
  const connection = await dialTo((await start(script)).port, options);
  if (!isConnectFailure(connection)) throw new Error('connected');
  return connection;
}

const brief = ({ stage, reply, own }: ConnectFailure) => `${own ? 'own ' : ''}${stage} ${reply.code} ${reply.enhanced}`;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Greets in clear, offering STARTTLS, and reads that command. */
async function offerTls(client: Client): Promise<void> {
  client.say('220 hi');
  await client.answer('EHLO', '250-mx', '250-PIPELINING', '250 STARTTLS');
  expect(await client.line()).toBe('STARTTLS');
}

/** A peer whose TLS works. */
const encrypted: Script = async (client) => {
  await offerTls(client);
  client.say('220 go ahead');
  await client.startTls(certificate);
  await client.answer('EHLO', '250-mx', '250 SIZE 7');
  await client.closed();
};

/** A peer that breaks TLS in `way` on the first connection, and takes the second one in clear. */
const brokenOnce =
  (way: (client: Client) => unknown): Script =>
  async (client, connection) => {
    if (connection > 1) {
      client.say('220 hi');
      await client.answer('EHLO', '250-mx', '250 STARTTLS');
      return client.closed();
    }
    await offerTls(client);
    await way(client);
    await client.closed();
  };

describe('connecting', () => {
  test('greets and learns what is offered', async () => {
    let hello = '';
    const session = await opened(async (client) => {
      client.say('220-welcome', '220 mx');
      hello = await client.answer('EHLO', '250-mx', '250-PIPELINING', '250 SIZE 1000');
      await client.closed();
    });
    expect(hello).toBe('EHLO out.example.com');
    expect(session.capabilities).toMatchObject({ pipelining: true, size: 1000 });
    expect(session).toMatchObject({ isAlive: true, transactions: 0, source: '127.0.0.1', isVerified: false });
    expect(session.tls).toBeUndefined();
  });

  test('falls back to HELO', async () => {
    const session = await opened(async (client) => {
      client.say('220 hi');
      await client.answer('EHLO', '502 5.5.2 what?');
      expect(await client.answer('HELO', '250 hello')).toBe('HELO out.example.com');
      await client.closed();
    });
    expect(session.capabilities).toMatchObject({ pipelining: false, size: undefined });
  });

  test('does not learn of CHUNKING where BDAT did not work', async () => {
    const lacks = new Lacks(systemClock);
    const peer = await start(async (client) => {
      client.say('220 hi');
      await client.answer('EHLO', '250-mx', '250-CHUNKING', '250 SIZE 1000');
      await client.closed();
    });
    const offers = async () => {
      const session = await dialTo(peer.port, { lacks });
      return isConnectFailure(session) ? undefined : session.capabilities;
    };
    expect(await offers()).toMatchObject({ chunking: true, size: 1000 });
    lacks.learn(`mx.example.net [127.0.0.1]:${peer.port}`, 'CHUNKING');
    expect(await offers()).toMatchObject({ chunking: false, size: 1000 });
  });

  test('leaves from the address of the source', async () => {
    let from: string | undefined;
    const session = await opened(
      async (client) => {
        from = client.socket.remoteAddress;
        client.say('220 hi');
        await client.answer('EHLO', '250 mx');
        await client.closed();
      },
      { source: { address: '127.0.0.2', ehloName: 'out.example.com' } },
    );
    expect([from, session.source]).toEqual(['127.0.0.2', '127.0.0.2']);
  });

  test.each<[string, string[], string]>([
    ['554 as banner', ['554 5.7.1 go away'], 'banner 554 5.7.1'],
    ['421 as banner', ['421 4.3.2 busy'], 'banner 421 4.3.2'],
    ['250 as banner', ['250 hi'], 'own banner 451 4.5.0'],
    ['no SMTP', ['SSH-2.0-OpenSSH'], 'own banner 451 4.5.0'],
  ])('%s is a failure', async (_, lines, expected) => {
    const failure = await failed(async (client) => {
      client.say(...lines);
      await client.closed();
    });
    expect(brief(failure)).toBe(expected);
    expect(failure.target).toMatchObject({ host: 'mx.example.net', address: '127.0.0.1' });
  });

  test.each<[string, string[], string]>([
    ['450 to EHLO', ['450 4.7.1 later'], 'ehlo 450 4.7.1'],
    ['421 to EHLO', ['421 bye'], 'ehlo 421 '],
    ['354 to EHLO', ['354 go'], 'own ehlo 451 4.5.0'],
    ['550 to EHLO and HELO', ['550 5.7.1 a', '550 5.7.1 b'], 'ehlo 550 5.7.1'],
  ])('%s is a failure', async (_, lines, expected) => {
    const failure = await failed(async (client) => {
      client.say('220 hi');
      for (const line of lines) {
        await client.line();
        client.say(line);
      }
      await client.closed();
    });
    expect(brief(failure)).toBe(expected);
  });

  test('a peer that closes before its banner is a failure of ours to report', async () => {
    expect(brief(await failed(async (client) => void client.socket.end()))).toBe('own banner 451 4.4.2');
  });

  test('a closed port is told as such', async () => {
    const peer = await FakePeer.start(async () => undefined);
    const { port } = peer;
    await peer.stop();
    const connection = await dialTo(port);
    expect(isConnectFailure(connection) && brief(connection)).toBe('own connect 451 4.4.1');
  });

  test.each(['192.0.2.1', '::1', 'nonsense'])(
    'a source that is not here (%s) is the fault of the source',
    async (address) => {
      const failure = await failed(async (client) => client.closed(), {
        source: { address, ehloName: 'out.example.com' },
      });
      expect(brief(failure)).toBe('own bind 451 4.3.0');
    },
  );

  test('C01: a private address is refused without a connection', async () => {
    const peer = await start(async (client) => client.closed());
    const connection = await dialTo(peer.port, { allowPrivate: ['10.0.0.0/8'] });
    expect(isConnectFailure(connection) && brief(connection)).toBe('own connect 550 5.4.4');
    expect(peer.clients).toEqual([]);
  });

  test('a peer that cannot be reached is given half a minute', async () => {
    const clock = new FakeClock();
    const peer = await start(async (client) => client.closed());
    const connection = dialTo(peer.port, { clock });
    // The sockets have not met yet: that takes a turn of the event loop.
    clock.advance(seconds(30));
    expect(brief((await connection) as ConnectFailure)).toBe('own connect 451 4.4.1');
    expect(clock.timers).toBe(0);
  });

  test('a silent peer is given five minutes for its banner', async () => {
    const clock = new FakeClock();
    const peer = await start(async (client) => client.closed());
    const connection = dialTo(peer.port, { clock });
    await until(() => peer.clients.length === 1);
    // One timer for the deadline of the conversation: the one for the connection is gone.
    await until(() => clock.timers === 1);
    let ended = false;
    void connection.then(() => (ended = true));
    await until(() => {
      clock.advance(minutes(1));
      return ended;
    });
    expect(brief((await connection) as ConnectFailure)).toBe('own banner 451 4.4.2');
    expect(clock.timers).toBe(0);
  });
});

describe('STARTTLS', () => {
  test('is used when it is offered, whoever signed the certificate', async () => {
    const session = await opened(encrypted, { tls: 'Opportunistic' });
    expect(session.tls).toMatch(/^TLSv1\.3 TLS_/);
    expect(session.isVerified).toBe(false);
    expect(session.capabilities).toMatchObject({ pipelining: false, startTls: false, size: 7 });
    expect(session.source).toBe('127.0.0.1');
  });

  test('is not used when the policy says None', async () => {
    const session = await opened(
      async (client) => {
        client.say('220 hi');
        await client.answer('EHLO', '250-mx', '250 STARTTLS');
        await client.closed();
      },
      { tls: 'None' },
    );
    expect(session.tls).toBeUndefined();
  });

  test.each([
    ['mx.example.net', 'its name'],
    ['127.0.0.1', 'its address'],
  ])('Required is met by a trusted certificate for %s, %s', async (host) => {
    const session = await opened(encrypted, { tls: 'Required', context: trusting, host });
    expect(session).toMatchObject({ isVerified: true, isAlive: true });
  });

  test.each<[string, () => Options]>([
    ['nobody trusts', () => ({ context: doubting })],
    ['is for another name', () => ({ context: trusting, host: 'mx.example.org' })],
  ])('Required is not met by a certificate that %s', async (_, options) => {
    const peer = await start(async (client) => {
      await offerTls(client);
      client.say('220 go ahead');
      client.startTls(certificate).catch(() => undefined);
      await client.closed();
    });
    const connection = await dialTo(peer.port, { tls: 'Required', ...options() });
    expect(isConnectFailure(connection) && brief(connection)).toBe('own tls 451 4.7.5');
    expect(peer.clients).toHaveLength(1);
  });

  test.each<[string, string[]]>([
    ['does not offer it', ['250 mx']],
    ['declines it', ['250-mx', '250 STARTTLS']],
  ])('Required is not met by a peer that %s', async (_, lines) => {
    const failure = await failed(
      async (client) => {
        client.say('220 hi');
        await client.answer('EHLO', ...lines);
        if ((await client.line()) === 'STARTTLS') client.say('454 4.7.0 not now');
        await client.closed();
      },
      { tls: 'Required' },
    );
    expect(brief(failure)).toBe('own tls 451 4.7.4');
  });

  test('that is declined leaves an opportunistic session in clear', async () => {
    const session = await opened(
      async (client) => {
        await offerTls(client);
        client.say('454 4.7.0 not now');
        await client.closed();
      },
      { tls: 'Opportunistic' },
    );
    expect(session).toMatchObject({ isAlive: true, tlsProblem: 'STARTTLS was declined' });
  });

  const ways: Record<string, (client: Client) => unknown> = {
    'speaks no TLS after 220': (client) => {
      client.say('220 go ahead');
      client.socket.once('data', () => client.say('what?'));
    },
    'closes instead of a handshake': (client) => {
      client.say('220 go ahead');
      client.socket.end();
    },
    'closes instead of 220': (client) => client.socket.end(),
    'closes after the handshake': async (client) => {
      client.say('220 go ahead');
      await client.startTls(certificate);
      client.socket.destroy();
    },
  };

  test.each(Object.entries(ways))(
    'that breaks (the peer %s) is replaced by a fresh connection in clear',
    async (_, way) => {
      const peer = await start(brokenOnce(way));
      const connection = await dialTo(peer.port, { tls: 'Opportunistic' });
      expect(isConnectFailure(connection)).toBe(false);
      expect(connection).toMatchObject({ isAlive: true, tlsProblem: expect.stringMatching(/TLS failed|closed/) });
      expect(peer.clients).toHaveLength(2);
    },
  );

  test.each(Object.entries(ways))('that breaks (the peer %s) fails when it is required', async (_, way) => {
    const peer = await start(brokenOnce(way));
    const connection = await dialTo(peer.port, { tls: 'Required', context: trusting });
    expect(isConnectFailure(connection) && brief(connection)).toMatch(/^own tls 451/);
    expect(peer.clients).toHaveLength(1);
  });

  /** A peer with no TLS newer than `maxVersion`: a real server so configured. */
  const upTo =
    (maxVersion: SecureVersion): Script =>
    async (client, connection) => {
      const old = { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
      await brokenOnce(async () => {
        client.say('220 go ahead');
        await client.startTls({ ...certificate, ...old }).catch(() => undefined);
        await client.answer('EHLO', '250 mx');
      })(client, connection);
    };

  const OLD = /offers nothing as new as TLSv1\.2, TLSv1\.2 is the least allowed/;
  const OLD_FOR_NEW = /offers nothing as new as TLSv1\.2, TLSv1\.3 is the least allowed/;
  const NOT_NEW = /offers TLSv1\.2 at most, TLSv1\.3 is the least allowed/;
  test.each([
    ['TLSv1.1', 'TLSv1.2', OLD],
    ['TLSv1', 'TLSv1.2', OLD],
    ['TLSv1.1', 'TLSv1.3', OLD_FOR_NEW],
    ['TLSv1.2', 'TLSv1.3', NOT_NEW],
  ] as const)('up to %s is too old where %s is the least', async (newest, tlsMinVersion, why) => {
    const peer = await start(upTo(newest));
    const refused = await dialTo(peer.port, { tls: 'Required', tlsMinVersion, context: trusting });
    expect(isConnectFailure(refused) && brief(refused)).toBe('own tls 451 4.7.5');
    expect(isConnectFailure(refused) && refused.reply.text).toMatch(why);
    const another = await start(upTo(newest));
    const inClear = await dialTo(another.port, { tls: 'Opportunistic', tlsMinVersion });
    expect(inClear).toMatchObject({ isAlive: true, tlsProblem: expect.stringMatching(why) });
    expect([peer.clients.length, another.clients.length]).toEqual([1, 2]);
  });

  test.each([
    ['TLSv1.2', 'TLSv1.2'],
    ['TLSv1.3', 'TLSv1.3'],
  ] as const)('up to %s is used where %s is the least', async (newest, tlsMinVersion) => {
    const session = await opened(upTo(newest), { tls: 'Required', tlsMinVersion, context: trusting });
    expect(session.tls).toMatch(new RegExp(`^${newest} `));
  });

  test('that nobody continues is given its time', async () => {
    const clock = new FakeClock();
    const peer = await start(brokenOnce((client) => client.say('220 go ahead')));
    const connection = dialTo(peer.port, { tls: 'Required', clock });
    await until(() => peer.clients[0]?.transcript.some((chunk) => chunk[0] === 0x16) === true);
    clock.advance(seconds(60));
    expect(brief((await connection) as ConnectFailure)).toBe('own tls 451 4.7.5');
    expect(clock.timers).toBe(0);
  });

  test.each(['Opportunistic', 'Required'] as const)('A04: bytes after its 220 end the attempt (%s)', async (tls) => {
    const peer = await start(async (client) => {
      await offerTls(client);
      client.say('220 go ahead', '250 extra');
      await client.closed();
    });
    const connection = await dialTo(peer.port, { tls });
    expect(isConnectFailure(connection) && brief(connection)).toBe('own tls 451 4.7.5');
    expect(peer.clients).toHaveLength(1);
  });
});
