import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type SecureContext, connect as connectTls, createSecureContext } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { reply } from '#mta/mail/reply.ts';
import { openReception } from '../reception.ts';
import { defaultLimits } from './limits.ts';
import { type Listener, type ListenerOptions, SmtpServer } from './listener.ts';
import { type Accepted, silentObserver, simplePolicy } from './stage-partner.ts';
import type { SmtpPolicy } from './submission.ts';
import { TestPeer, dial } from './test-peer.ts';

let secureContext: SecureContext;
let clock: FakeClock;
let accepted: Accepted[];
let listener: Listener;

beforeAll(async () => {
  secureContext = createSecureContext(await selfMadeCertificate(['localhost'], new FakeClock()));
});

beforeEach(() => {
  clock = new FakeClock();
  accepted = [];
});

afterEach(async () => {
  const closed = listener.close(0);
  clock.advance(0);
  await closed;
});

async function start(
  options: Partial<ListenerOptions> = {},
  policy: Partial<SmtpPolicy<string>> = {},
  limits = () => defaultLimits,
) {
  const server = new SmtpServer<string>({
    hostname: 'mail.example',
    policy: { ...simplePolicy(accepted), ...policy },
    limits,
    ...openReception(limits),
    clock,
    observer: silentObserver,
  });
  const where = { name: 'test', host: '127.0.0.1', port: 0, implicitTls: false, authRequired: false };
  listener = await server.listen({ ...where, ...options });
  return dial(listener.port);
}

/** Says for whom it connects, then speaks TLS; `isJoined`: with no pause, not even between two segments. */
async function securedBehind(socket: Socket, isJoined: boolean): Promise<TestPeer> {
  let before = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c0000208126702cb', 'hex');
  if (!isJoined) {
    socket.write(before);
    before = Buffer.alloc(0);
  }
  const behind = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      socket.write(Buffer.concat([before, chunk]), done);
      before = Buffer.alloc(0);
    },
  });
  socket.on('data', (chunk: Buffer) => behind.push(chunk));
  const secured = connectTls({ socket: behind, rejectUnauthorized: false });
  const peer = new TestPeer(secured);
  await new Promise<void>((resolve) => secured.once('secureConnect', resolve));
  return peer;
}

const ENVELOPE = 'MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n';

describe('a session', () => {
  it('takes messages one after the other on one connection', async () => {
    const peer = await start();
    await peer.hears(220);
    await peer.asks('EHLO a\r\n', 250);
    for (let count = 0; count < 50; count += 1) {
      await peer.asks(ENVELOPE, 354);
      await peer.asks(`Subject: ${count}\r\n\r\n${'x'.repeat(70)}\r\n.\r\n`, 250);
    }
    expect(accepted.map(({ raw }) => raw.split('\r\n')[0])).toEqual(accepted.map((_each, at) => `Subject: ${at}`));
    expect(accepted.length).toBe(50);
    await peer.asks('QUIT\r\n', 221);
    await peer.closed();
  });

  it('takes a large message in many pieces', async () => {
    const peer = await start();
    await peer.asks('HELO a\r\n', 250);
    await peer.asks(ENVELOPE, 354);
    const body = Buffer.alloc(80 * 100_000, `${'x'.repeat(78)}\r\n`);
    peer.send(Buffer.concat([Buffer.from('A: b\r\n\r\n'), body, Buffer.from('.\r\n')]));
    await peer.hears(250);
    expect(accepted[0]?.raw.length).toBe(8 + body.length);
  });

  it('authenticates after STARTTLS, and tells the policy of the cipher', async () => {
    const peer = await start({ secureContext: () => secureContext, authRequired: true });
    await peer.asks('EHLO a\r\n', 250);
    await peer.asks('STARTTLS\r\n', 220);
    await peer.secure();
    await peer.asks('EHLO a\r\n', 250);
    await peer.asks('AUTH PLAIN AHVzZXIAc2VjcmV0\r\n', 235);
    await peer.asks(ENVELOPE, 354);
    await peer.asks('x\r\n.\r\n', 250);
    expect(accepted).toMatchObject([{ identity: 'user', peer: { address: '127.0.0.1' } }]);
    expect(accepted[0]?.peer.tls).toMatch(/^TLSv1\.3 TLS_/);
  });

  it('greets under TLS on a listener with implicit TLS', async () => {
    const peer = await start({ secureContext: () => secureContext, implicitTls: true });
    await peer.secure();
    expect(await peer.hears(220)).toBe('220 mail.example ESMTP Postfleet\r\n');
    expect(await peer.asks('EHLO a\r\n', 250)).not.toContain('STARTTLS');
    await peer.asks('QUIT\r\n', 221);
    await peer.closed();
  });

  it.each([
    ['at once', 0],
    ['in two', 5],
  ])('A03 drops plaintext between STARTTLS and the handshake, sent %s', async (_, at) => {
    const peer = await start({ secureContext: () => secureContext });
    await peer.asks('EHLO a\r\n', 250);
    await peer.asks('STARTTLS\r\n', 220);
    const injected = 'EHLO evil\r\nMAIL FROM:<a@b.example>\r\n';
    peer.send(injected.slice(0, at));
    peer.send(injected.slice(at));
    expect(await peer.closed()).not.toContain('250');
  });

  it.each([
    ['and then TLS', 0],
    ['in one segment with the first record of TLS', 1],
  ])('takes the PROXY header of a load balancer before the handshake, %s', async (_, isJoined) => {
    const plain = await start({ secureContext: () => secureContext, implicitTls: true, isBalancer: () => true });
    const peer = await securedBehind(plain.socket, isJoined === 1);
    await peer.hears(220);
    await peer.asks('EHLO a\r\n', 250);
    await peer.asks(ENVELOPE, 354);
    await peer.asks('x\r\n.\r\n', 250);
    expect(accepted[0]?.peer).toMatchObject({ address: '192.0.2.7', port: 4711 });
    expect(accepted[0]?.peer.tls).toMatch(/^TLS/);
  });

  it('closes a connection that speaks plain SMTP where TLS is expected', async () => {
    const peer = await start({ secureContext: () => secureContext, implicitTls: true });
    peer.send('EHLO a\r\n');
    expect(await peer.closed()).not.toContain('220');
  });

  it('closes when TLS breaks after the handshake', async () => {
    const peer = await start({ secureContext: () => secureContext, implicitTls: true });
    const plain = peer.socket;
    await peer.secure();
    await peer.hears(220);
    plain.write('not a TLS record at all');
    expect(await peer.closed()).toBe('');
  });

  it('survives a peer that resets at any time', async () => {
    const asked = Promise.withResolvers<ReturnType<typeof reply>>();
    const waiting = Promise.withResolvers<void>();
    const accept = () => {
      waiting.resolve();
      return asked.promise;
    };
    const peer = await start({}, { accept });
    await peer.asks('HELO a\r\n', 250);
    await peer.asks(ENVELOPE, 354);
    peer.send('x\r\n.\r\n');
    await waiting.promise;
    peer.socket.resetAndDestroy();
    await peer.closed();
    asked.resolve(reply(250, '2.0.0', 'Queued'));
    expect(await (await dial(listener.port)).asks('QUIT\r\n', 221)).toContain('221');
  });

  it('answers a peer that has closed its side', async () => {
    const peer = await start();
    peer.socket.end(`HELO a\r\n${ENVELOPE}`);
    expect(await peer.closed()).toMatch(/354 .*\r\n$/);
  });
});

describe('time', () => {
  it('is up five minutes after the last reply, though bytes trickle in', async () => {
    const peer = await start();
    await peer.asks('HELO a\r\n', 250);
    clock.advance(minutes(4));
    peer.send('NO');
    clock.advance(minutes(1));
    expect(await peer.closed()).toContain('421 4.4.2');
  });

  it('is given anew by each command', async () => {
    const peer = await start();
    for (let count = 0; count < 5; count += 1) {
      await peer.asks('NOOP\r\n', 250);
      clock.advance(minutes(4));
    }
    expect(await peer.asks('QUIT\r\n', 221)).not.toContain('421');
  });

  it('is up when a message stops coming', async () => {
    const peer = await start();
    await peer.asks('HELO a\r\n', 250);
    await peer.asks(ENVELOPE, 354);
    clock.advance(minutes(3));
    expect(await peer.closed()).toContain('421 4.4.2');
  });

  it('does not run while the policy has the word', async () => {
    const asked = Promise.withResolvers<ReturnType<typeof reply>>();
    const waiting = Promise.withResolvers<void>();
    const accept = () => {
      waiting.resolve();
      return asked.promise;
    };
    const peer = await start({}, { accept });
    await peer.asks('HELO a\r\n', 250);
    await peer.asks(ENVELOPE, 354);
    peer.send('x\r\n.\r\n');
    await waiting.promise;
    clock.advance(minutes(30));
    asked.resolve(reply(250, '2.0.0', 'Queued'));
    expect(await peer.hears(250)).not.toContain('421');
  });

  it('is up when a handshake is not finished', async () => {
    const peer = await start({ secureContext: () => secureContext, implicitTls: true });
    const observed = peer.closed();
    peer.send(Buffer.from([0x16]));
    while (clock.timers === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    clock.advance(seconds(30));
    expect(await observed).toBe('');
  });

  it('A12 is short for all, those who wait already too, once connections are scarce', async () => {
    const few = { ...defaultLimits, connections: 5 };
    const waiting = await start({}, {}, () => few);
    await waiting.hears(220);
    const { port } = listener;
    const others = [await dial(port), await dial(port), await dial(port)];
    for (const other of others) await other.hears(220);
    await others[0]?.asks('NOOP\r\n', 250);
    clock.advance(seconds(10));
    for (const peer of [waiting, ...others]) expect(await peer.closed()).toContain('421 4.4.2');
  });
});
