/**
 * Each limit of `spec.ingress.limits` and its reply: what is declared is what a peer meets, on a real socket.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { type IngressLimits, ingressLimits } from '#crds/ingress-limits.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { createSecureContext } from 'node:tls';
import { openReception } from '../reception.ts';
import { limitsOf } from './limits.ts';
import { type Listener, type ListenerOptions, SmtpServer } from './listener.ts';
import { silentObserver, simplePolicy } from './stage-partner.ts';
import { dial, type TestPeer } from './test-peer.ts';

type Declared = Partial<IngressLimits>;

const clock = new FakeClock();
let close = async (): Promise<void> => undefined;
afterEach(() => close());

async function open(declared: () => Declared, options: Partial<ListenerOptions> = {}): Promise<Listener> {
  const limits = () => limitsOf(ingressLimits().parse(declared()));
  const parts = { policy: simplePolicy([]), limits, ...openReception(limits) };
  const context = { hostname: 'mail.example', ...parts, clock, observer: silentObserver };
  const where = { name: 'test', host: '127.0.0.1', port: 0, implicitTls: false, authRequired: false };
  const listener = await new SmtpServer<string>(context).listen({ ...where, ...options });
  close = async () => {
    const closed = listener.close(0);
    clock.advance(0);
    await closed;
  };
  return listener;
}

async function greeted(declared: Declared): Promise<TestPeer> {
  const { port } = await open(() => declared);
  const peer = await dial(port);
  await peer.hears(220);
  await peer.asks('EHLO client.example\r\n', 250);
  return peer;
}

const MAIL = 'MAIL FROM:<a@b.example>\r\n';
const RCPT = 'RCPT TO:<c@d.example>\r\n';
const HELLO = `${MAIL}${RCPT}DATA\r\n`;
const FIELDS = 'A: b\r\n'.repeat(12);
const LARGE = `${'x'.repeat(70)}\r\n`.repeat(1000);

async function says(peer: TestPeer, bytes: readonly string[], code: number): Promise<string> {
  for (const part of bytes.slice(0, -1)) await peer.asks(part, 354);
  return peer.asks(bytes.at(-1) ?? '', code);
}

describe('a declared limit has its reply', () => {
  it.each<[keyof IngressLimits, Declared, readonly string[], string]>([
    ['messageBytes', { messageBytes: 65_536 }, [`MAIL FROM:<a@b.example> SIZE=65537\r\n`], '552 5.3.4'],
    ['messageBytes', { messageBytes: 65_536 }, [HELLO, `\r\n${LARGE}.\r\n`], '552 5.3.4'],
    ['headerBytes', { headerBytes: 4096 }, [HELLO, `A: b\r\n${' c\r\n'.repeat(1400)}\r\n.\r\n`], '552 5.3.4'],
    ['headerFields', { headerFields: 10 }, [HELLO, `${FIELDS}\r\n.\r\n`], '552 5.3.4'],
    ['recipientsPerMessage', { recipientsPerMessage: 2 }, [MAIL + RCPT.repeat(3)], '452 4.5.3'],
    ['messagesPerConnection', { messagesPerConnection: 1 }, [HELLO, `x\r\n.\r\n${MAIL}`], '421 4.7.0 Enough messages'],
    ['errors', { errors: 2 }, ['WHAT\r\nWHAT\r\n'], '421 4.7.0 Too many errors'],
    ['idleCommands', { idleCommands: 3 }, ['NOOP\r\nNOOP\r\n'], '421 4.7.0 Too many commands without mail'],
  ])('%s %j', async (_, declared, bytes, reply) => {
    const peer = await greeted(declared);
    expect(await says(peer, bytes, Number(reply.slice(0, 3)))).toContain(reply);
  });

  it('messageBytes is announced', async () => {
    const { port } = await open(() => ({ messageBytes: 65_536 }));
    const peer = await dial(port);
    await peer.hears(220);
    expect(await peer.asks('EHLO client.example\r\n', 250)).toContain('250-SIZE 65536\r\n');
  });

  it('receivingBytes, of which `conversation.test.ts` shows the reply', () => {
    expect(limitsOf(ingressLimits().parse({ receivingBytes: 209_715_200 })).receivingBytes).toBe(209_715_200);
  });

  it('loginFailures', async () => {
    const secureContext = createSecureContext(await selfMadeCertificate(['localhost']));
    const secure = { authRequired: true, secureContext: () => secureContext };
    const { port } = await open(() => ({ loginFailures: 1 }), secure);
    const peer = await dial(port);
    await peer.hears(220);
    await peer.asks('EHLO client.example\r\n', 250);
    await peer.asks('STARTTLS\r\n', 220);
    await peer.secure();
    await peer.asks('EHLO client.example\r\n', 250);
    const plain = Buffer.from('\0user\0wrong').toString('base64');
    expect(await peer.asks(`AUTH PLAIN ${plain}\r\n`, 421)).toContain('421 4.7.0 Too many failed logins');
  });

  it.each<[keyof IngressLimits, Declared, readonly string[]]>([
    ['commandSeconds', { commandSeconds: 7 }, []],
    ['dataSeconds', { dataSeconds: 7 }, [HELLO, '']],
    ['dataBytesPerSecond', { dataSeconds: 7, dataBytesPerSecond: 1_000_000 }, [HELLO, 'x'.repeat(900)]],
  ])('%s', async (_, declared, bytes) => {
    const peer = await greeted(declared);
    const [first, then = ''] = bytes;
    if (first !== undefined) await peer.asks(first, 354);
    peer.send(then);
    await turn();
    clock.advance(seconds(7) - 1);
    await turn();
    clock.advance(2);
    expect(await peer.closed()).toBe('421 4.4.2 Timed out waiting for you\r\n');
  });
});

it('a limit that changes holds at once', async () => {
  let declared: Declared = {};
  const { port } = await open(() => declared);
  const peer = await dial(port);
  await peer.hears(220);
  declared = { connections: 1 };
  expect(await (await dial(port)).closed()).toContain('421');
  declared = { connections: 2, errors: 1 };
  await (await dial(port)).hears(220);
  expect(await peer.asks('WHAT\r\n', 421)).toContain('Too many errors');
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
