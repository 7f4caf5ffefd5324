/**
 * Commands put into the clear part of a connection, at every cut and at many moments, and sessions of TLS carried over.
 */
import { connect, type Socket } from 'node:net';
import { type TLSSocket, connect as connectTls } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let mta: Postfleet;

beforeAll(async () => {
  const open = { spec: { networks: ['127.0.0.1/32'] } };
  mta = await Postfleet.start(scene, await ConfigFolder.from(scene, 'standalone', { SendingCredential: open }));
});

const INJECTED = 'RSET\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<victim@demo.test>\r\n';

/** A socket and all it has heard. */
class Ear {
  heard = '';
  isGone = false;
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => (this.heard += chunk.toString('latin1')));
    socket.on('error', () => undefined).on('close', () => (this.isGone = true));
  }

  async hears(pattern: RegExp): Promise<void> {
    await until(`${pattern} in ${this.heard}`, () => this.isGone || pattern.test(this.heard));
  }
}

async function greeted(): Promise<Ear> {
  const ear = new Ear(connect({ port: mta.ports.submission, host: '127.0.0.1', noDelay: true }));
  ear.socket.write('EHLO client.test\r\n');
  await ear.hears(/^250 /m);
  ear.heard = '';
  return ear;
}

/** Goes on under TLS; false when the handshake fails. */
async function secured(ear: Ear): Promise<Ear | undefined> {
  ear.socket.removeAllListeners('data');
  const tls: TLSSocket = connectTls({ socket: ear.socket, rejectUnauthorized: false });
  const within = new Ear(tls);
  let isSecure = false;
  tls.once('secureConnect', () => (isSecure = true));
  await until('a handshake', () => isSecure || within.isGone || ear.isGone);
  return isSecure ? within : undefined;
}

/** Whether anything of what was injected counts: a transaction would be open, or EHLO have been said. */
async function outcomeOf(ear: Ear): Promise<'forgotten' | 'read'> {
  ear.socket.write('RCPT TO:<other@demo.test>\r\nMAIL FROM:<a@example.com>\r\n');
  await ear.hears(/^\d{3} [^\n]*\n\d{3} /m);
  return /^503 [^\n]*\n503 /.test(ear.heard) ? 'forgotten' : 'read';
}

describe('A03 commands injected before TLS', () => {
  test('cut anywhere: what comes with STARTTLS ends the connection, what comes after it is never read', async () => {
    const bytes = `STARTTLS\r\n${INJECTED}`;
    const outcomes = { ended: 0, forgotten: 0 };
    for (let at = 1; at <= bytes.length; at += 1) {
      const ear = await greeted();
      ear.socket.write(bytes.slice(0, at));
      await new Promise<void>((resolve) => setTimeout(resolve, at % 3));
      ear.socket.write(bytes.slice(at));
      await ear.hears(/^(?:220|554) /m);
      expect(ear.heard).not.toMatch(/^250 /m);
      if (ear.heard.startsWith('554')) outcomes.ended += 1;
      else if (!(await secured(ear))) outcomes.ended += 1;
      else outcomes.forgotten += 1;
      expect(ear.heard).not.toMatch(/^250 /m);
      ear.socket.destroy();
    }
    expect(outcomes.ended + outcomes.forgotten).toBe(bytes.length);
  });

  test('between 220 and the handshake at a thousand moments: nothing of them is read', async () => {
    let answered = 0;
    const attack = async (moment: number): Promise<void> => {
      const ear = await greeted();
      ear.socket.write('STARTTLS\r\n');
      if (moment % 2 === 0) await ear.hears(/^220 /m);
      for (let turn = 0; turn < moment % 25; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
      ear.socket.write(INJECTED.slice(0, moment % INJECTED.length));
      await ear.hears(/^(?:220|554) /m);
      const within = ear.heard.startsWith('220') ? await secured(ear) : undefined;
      const outcome = within ? await outcomeOf(within) : 'ended';
      expect(['ended', 'forgotten']).toContain(outcome);
      if (outcome === 'forgotten') answered += 1;
      expect(ear.heard).not.toMatch(/^250 /m);
      ear.socket.destroy();
    };
    for (let moment = 0; moment < 1000; moment += 20)
      await Promise.all(Array.from({ length: 20 }, (_, more) => attack(moment + more)));
    // Those that injected nothing: the others would prove little if these failed, too.
    expect(answered).toBeGreaterThan(5);
  });
});

test('A03 nothing that was injected was taken', async () => {
  expect(await mta.metric('postfleet_accepted_total')).toBe(0);
});

type Service = 'submission' | 'submissions';

/** A connection to a service, ready for a handshake. */
async function reach(service: Service): Promise<Socket> {
  const ear = service === 'submission' ? await greeted() : new Ear(connect(mta.ports.submissions, '127.0.0.1'));
  if (service === 'submission') {
    ear.socket.write('STARTTLS\r\n');
    await ear.hears(/^220 /m);
  }
  ear.socket.removeAllListeners('data');
  return ear.socket;
}

/** Shakes hands; the session the service gives for the next time, and whether it took the one that is offered. */
async function shake(
  service: Service,
  session?: Buffer,
): Promise<{ readonly given: Buffer; readonly isResumed: boolean }> {
  const tls = connectTls({ socket: await reach(service), rejectUnauthorized: false, session });
  let given: Buffer | undefined;
  tls.on('session', (it: Buffer) => (given = it)).on('error', () => undefined);
  tls.on('data', () => undefined);
  if (service === 'submission') tls.write('NOOP\r\n');
  // Who resumes a session is given no other.
  const last = await until('a session', () => given ?? (tls.isSessionReused() ? session : undefined));
  tls.destroy();
  return { given: last, isResumed: given === undefined };
}

test.each<[Service, Service, boolean]>([
  ['submissions', 'submissions', true],
  ['submission', 'submission', true],
  ['submissions', 'submission', false],
  ['submission', 'submissions', false],
])('A18 a session of TLS with %s, offered to %s: resumed is %s', async (from, to, isResumed) => {
  const { given } = await shake(from);
  expect((await shake(to, given)).isResumed).toBe(isResumed);
});

test.each(['EHLO', 'HELO'])('A18 without TLS no password is taken, whoever has removed STARTTLS (%s)', async (verb) => {
  const ear = await greeted();
  ear.socket.write(`${verb} client.test\r\nAUTH PLAIN AGEAYg==\r\n`);
  await ear.hears(/^538 /m);
  expect(ear.heard).toMatch(/^538 5\.7\.11 /m);
  ear.socket.destroy();
});
