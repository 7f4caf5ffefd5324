import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Clock, minutes, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { relay } from './relay.ts';

const opened: Disposable[] = [];
afterEach(() => {
  for (const it of opened.splice(0)) it[Symbol.dispose]();
});

const atEnd = (close: () => unknown): number => opened.push({ [Symbol.dispose]: () => void close() });

const guarded = (socket: Socket): Socket => {
  atEnd(() => socket.destroy());
  return socket.on('error', () => undefined);
};

/** Two ends of a connection: ours, and the one the relay has. */
async function pair(): Promise<{ readonly outer: Socket; readonly inner: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  atEnd(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const arriving = once(server, 'connection') as Promise<[Socket]>;
  const outer = guarded(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
  const [inner] = await arriving;
  return { outer, inner: guarded(inner) };
}

async function relayed(clock: Clock = systemClock) {
  const [client, peer] = [await pair(), await pair()];
  const over = Promise.withResolvers<[number, number]>();
  relay(client.inner, peer.inner, {
    clock,
    silence: minutes(15),
    afterEnd: minutes(2),
    over: (there, back) => over.resolve([there, back]),
  });
  return { client: client.outer, peer: peer.outer, over: over.promise };
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks).toString();
}

async function turns(count = 50): Promise<void> {
  for (let at = 0; at < count; at += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('bytes go both ways, and one way may end before the other', async () => {
  const { client, peer, over } = await relayed();
  client.end('question');
  expect(await textOf(peer)).toBe('question');
  peer.write('a long ');
  peer.end('answer');
  expect(await textOf(client)).toBe('a long answer');
  expect(await over).toEqual([8, 13]);
});

test('who does not read is not read for: what is held stays small', async () => {
  const { client, peer, over } = await relayed();
  const block = Buffer.alloc(1024 * 1024, 'x');
  let taken = 0;
  const fill = (): void => {
    const isRoom = client.write(block, () => (taken += block.length));
    if (isRoom) fill();
  };
  client.on('drain', fill);
  fill();
  peer.pause();
  let before = -1;
  while (taken !== before) {
    before = taken;
    await turns(2000);
  }
  // The buffers of the system, not all that would be said.
  expect(taken).toBeLessThan(64 * block.length);
  client.off('drain', fill).end();
  peer.resume();
  peer.end();
  const [there] = await over;
  expect(there % block.length).toBe(0);
});

test('a socket that breaks ends the other, after what it had said', async () => {
  const { client, peer, over } = await relayed();
  const heard = textOf(peer);
  client.write('half a mess');
  await once(peer, 'data');
  client.resetAndDestroy();
  expect(await heard).toBe('half a mess');
  peer.end();
  expect(await over).toEqual([11, 0]);
});

test('silence on both sides is cut, a word on either is not', async () => {
  const clock = new FakeClock();
  const { client, peer, over } = await relayed(clock);
  peer.write('220 hi');
  await once(client, 'data');
  clock.advance(minutes(15));
  peer.write('still here');
  await once(client, 'data');
  clock.advance(minutes(15));
  await turns();
  expect([client.closed, client.readableEnded]).toEqual([false, false]);
  clock.advance(minutes(15));
  await over;
  expect(clock.timers).toBe(0);
});

test('an end that nobody answers is waited for less long', async () => {
  const clock = new FakeClock();
  const { client, peer, over } = await relayed(clock);
  const heard = textOf(peer);
  client.end();
  await heard;
  await turns();
  clock.advance(minutes(2));
  expect(await over).toEqual([0, 0]);
});
