import { afterEach, describe, expect, it } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { type SmtpLimits, defaultLimits } from './limits.ts';
import { type Listener, SmtpServer } from './listener.ts';
import { type Accepted, silentObserver, simplePolicy } from './stage-partner.ts';
import { dial } from './test-peer.ts';

const clock = new FakeClock();
const open: Listener[] = [];
let accepted: Accepted[] = [];
let told: string[] = [];

afterEach(async () => {
  for (const listener of open.splice(0)) {
    const closed = listener.close(0);
    clock.advance(0);
    await closed;
  }
  accepted = [];
  told = [];
});

function server(limits: Partial<SmtpLimits> = {}): SmtpServer<string> {
  const observer = {
    ...silentObserver,
    opened: (name: string) => told.push(`opened ${name}`),
    closed: (name: string) => told.push(`closed ${name}`),
    turnedAway: (name: string, because: string) => told.push(`turned away ${name} ${because}`),
  };
  const policy = simplePolicy(accepted);
  return new SmtpServer({ hostname: 'mail.example', policy, limits: { ...defaultLimits, ...limits }, clock, observer });
}

async function listen(on: SmtpServer<string>, name = 'test', port = 0): Promise<Listener> {
  const listener = await on.listen({ name, host: '127.0.0.1', port, implicitTls: false, authRequired: false });
  open.push(listener);
  return listener;
}

describe('listening', () => {
  it('names the listener and the address when the port is taken', async () => {
    const { port } = await listen(server());
    await expect(listen(server(), 'submission', port)).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringContaining(`submission (127.0.0.1:${port})`) as string,
    });
  });

  it('says when the machine does not have the address', async () => {
    const options = { name: 'a', host: '192.0.2.1', port: 0, implicitTls: false, authRequired: false };
    await expect(server().listen(options)).rejects.toMatchObject({ code: 'address-not-available' });
  });
});

describe('connections', () => {
  it.each<[string, Partial<SmtpLimits>]>([
    ['too-many-connections', { connections: 1 }],
    ['too-many-from-address', { connectionsPerAddress: 1 }],
  ])('over a limit are told 421 (%s), and room is made by those that leave', async (because, limits) => {
    const { port } = await listen(server(limits));
    const first = await dial(port);
    await first.hears(220);
    expect(await (await dial(port)).closed()).toBe('421 4.7.0 Too many connections\r\n');
    await first.asks('QUIT\r\n', 221);
    await first.closed();
    while (told.at(-1) !== 'closed test') await new Promise<void>((resolve) => setImmediate(resolve));
    await (await dial(port)).hears(220);
    expect(told).toEqual(['opened test', `turned away test ${because}`, 'closed test', 'opened test']);
  });

  it('are limited over all listeners together', async () => {
    const both = server({ connections: 1 });
    const first = await listen(both, 'one');
    const second = await listen(both, 'two');
    await (await dial(first.port)).hears(220);
    expect(await (await dial(second.port)).closed()).toContain('421');
  });
});

describe('closing', () => {
  it('lets a message that is coming in finish, then says 421', async () => {
    const listener = await listen(server());
    const [busy, idle] = [await dial(listener.port), await dial(listener.port)];
    await idle.asks('HELO b\r\n', 250);
    await busy.asks('HELO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n', 354);
    const closed = listener.close(seconds(10));
    expect(await idle.closed()).toContain('421 4.3.2');
    expect(await busy.asks('x\r\n.\r\n', 421)).toMatch(/^250 .*\r\n421 4\.3\.2 /);
    await closed;
    expect(accepted.length).toBe(1);
    await expect(dial(listener.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends by force what does not finish in time, and leaves no timer', async () => {
    const before = clock.timers;
    const listener = await listen(server());
    const peer = await dial(listener.port);
    await peer.asks('HELO a\r\nMAIL FROM:<a@b.example>\r\n', 250);
    await peer.hears(250);
    const closed = Promise.all([listener.close(seconds(10)), listener.close(seconds(99))]);
    clock.advance(seconds(10));
    await closed;
    await peer.closed();
    expect(clock.timers).toBe(before);
  });
});
