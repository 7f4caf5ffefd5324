import { afterEach, describe, expect, it } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { openReception } from '../reception.ts';
import { type SmtpLimits, defaultLimits } from './limits.ts';
import { type Listener, type ListenerOptions, SmtpServer } from './listener.ts';
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
  const all = { ...defaultLimits, ...limits };
  const reception = openReception(() => all);
  return new SmtpServer({ hostname: 'mail.example', policy, limits: () => all, ...reception, clock, observer });
}

async function listen(
  on: SmtpServer<string>,
  name = 'test',
  port = 0,
  more: Partial<ListenerOptions> = {},
): Promise<Listener> {
  const listener = await on.listen({ name, host: '127.0.0.1', port, implicitTls: false, authRequired: false, ...more });
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

  it('from a familiar network are limited in all, and not per address', async () => {
    const limits = { connections: 2, connectionsPerAddress: 1 };
    const { port } = await listen(server(limits), 'test', 0, { isFamiliar: (address) => address === '127.0.0.1' });
    await (await dial(port)).hears(220);
    await (await dial(port)).hears(220);
    expect(await (await dial(port)).closed()).toBe('421 4.7.0 Too many connections\r\n');
  });

  it('are limited over all listeners together', async () => {
    const both = server({ connections: 1 });
    const first = await listen(both, 'one');
    const second = await listen(both, 'two');
    await (await dial(first.port)).hears(220);
    expect(await (await dial(second.port)).closed()).toContain('421');
  });
});

describe('behind a load balancer', () => {
  const behind = (on: SmtpServer<string>): Promise<Listener> => listen(on, 'test', 0, { isBalancer: () => true });
  const HEADER = 'PROXY TCP4 192.0.2.7 192.0.2.8 4711 587\r\n';
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it.each([0, 1, 6, 20, HEADER.length, HEADER.length + 3])(
    'a peer is who the header says, and its first command waits, cut at %i',
    async (at) => {
      const { port } = await behind(server());
      const peer = await dial(port);
      const bytes = `${HEADER}HELO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n`;
      peer.send(bytes.slice(0, at));
      await settled();
      peer.send(bytes.slice(at));
      await peer.hears(354);
      await peer.asks('x\r\n.\r\n', 250);
      expect(accepted[0]?.peer).toMatchObject({ address: '192.0.2.7', port: 4711, listener: 'test' });
    },
  );

  it('a peer is greeted when the header is whole, and not before', async () => {
    const { port } = await behind(server());
    const peer = await dial(port);
    peer.send(HEADER.slice(0, -1));
    await settled();
    expect(told).toEqual([]);
    peer.send('\n');
    expect(await peer.hears(220)).toBe('220 mail.example ESMTP Postfleet\r\n');
  });

  it('the balancer may speak for itself', async () => {
    const { port } = await behind(server());
    const peer = await dial(port);
    peer.send('PROXY UNKNOWN\r\nHELO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
    await peer.hears(354);
    await peer.asks('x\r\n.\r\n', 250);
    expect(accepted[0]?.peer.address).toBe('127.0.0.1');
  });

  it.each([
    ['commands', 'EHLO a\r\n'],
    ['a header that is none', 'PROXY TCP4 192.0.2.7\r\nEHLO a\r\n'],
    ['a header without an end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
  ])('A05 a connection that begins with %s is closed unheard', async (_, bytes) => {
    const { port } = await behind(server());
    const peer = await dial(port);
    peer.send(bytes);
    expect(await peer.closed()).toBe('');
    expect(told).toEqual(['turned away test no-proxy-header']);
  });

  it('a header that does not come in time closes the connection', async () => {
    const { port } = await behind(server());
    const before = clock.timers;
    const peer = await dial(port);
    peer.send('PROXY');
    while (clock.timers === before) await settled();
    clock.advance(seconds(30));
    expect(await peer.closed()).toBe('');
    expect(clock.timers).toBe(before);
    expect(told).toEqual(['turned away test no-proxy-header']);
  });

  it('a connection that says nothing and leaves is nobody', async () => {
    const { port } = await behind(server({ connections: 1 }));
    const probe = await dial(port);
    probe.socket.end();
    await probe.closed();
    const peer = await dial(port);
    peer.send(HEADER);
    await peer.hears(220);
    expect(told).toEqual(['opened test']);
  });

  it('limits per address are those of the peers, the limit of all is that of everybody', async () => {
    const { port } = await behind(server({ connectionsPerAddress: 1, connections: 3 }));
    const [first, second, third] = [await dial(port), await dial(port), await dial(port)];
    first.send(HEADER);
    await first.hears(220);
    second.send(HEADER);
    expect(await second.closed()).toContain('421 4.7.0 Too many connections');
    third.send(HEADER.replace('192.0.2.7', '192.0.2.9'));
    await third.hears(220);
    const silent = await dial(port);
    await settled();
    expect(await (await dial(port)).closed()).toContain('421 4.7.0 Too many connections');
    silent.socket.destroy();
  });

  it('a connection that is still to be introduced does not hold up closing', async () => {
    const listener = await behind(server());
    const peer = await dial(listener.port);
    peer.send('PROXY');
    await settled();
    const closed = listener.close(seconds(10));
    expect(await peer.closed()).toBe('');
    await closed;
  });
});

describe('A05 a PROXY header from somebody else', () => {
  it('is refused, and the connection ends', async () => {
    const { port } = await listen(server(), 'test', 0, { isBalancer: (address) => address !== '127.0.0.1' });
    const peer = await dial(port);
    await peer.hears(220);
    peer.send('PROXY TCP4 192.0.2.7 192.0.2.8 4711 587\r\nEHLO a\r\n');
    expect(await peer.closed()).toBe('554 5.7.1 No PROXY header is taken from you\r\n');
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

  it('gives a message past DATA longer than a transaction that has not come so far', async () => {
    const listener = await listen(server());
    const [before, past] = [await dial(listener.port), await dial(listener.port)];
    await before.asks('HELO b\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n', 250);
    await past.asks('HELO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n', 354);
    const closed = listener.close(seconds(10), seconds(60));
    clock.advance(seconds(10));
    await before.closed();
    expect(await past.asks('x\r\n.\r\n', 421)).toMatch(/^250 /);
    await closed;
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
