import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Doors } from '#lib/address/doors.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import { greeting, request } from '#lib/socks/wire.ts';
import { until } from '../../test/harness/until.ts';
import { EgressServer, type EgressServerOptions } from './server.ts';
import { egressTimes } from './session.ts';

let clock: FakeClock;
let told: string[];
const servers: EgressServer[] = [];
const receivers: Server[] = [];
const sockets: Socket[] = [];

beforeEach(() => {
  clock = new FakeClock();
  told = [];
});
afterEach(async () => {
  for (const it of sockets.splice(0)) it.destroy();
  for (const it of receivers.splice(0)) it.close();
  const closing = servers.splice(0).map((it) => it.close(0));
  clock.advance(0);
  await Promise.all(closing);
});

async function start(over: Partial<EgressServerOptions> = {}, ports: readonly number[] = []): Promise<EgressServer> {
  const server = await EgressServer.listen({
    host: '127.0.0.1',
    port: 0,
    clock,
    times: egressTimes,
    doors: new Doors(() => ({ connections: 3, connectionsPerAddress: 2 })),
    rules: () => ({
      sources: () => new Set(['127.0.0.5', '192.0.2.1']),
      ports: new Set(ports),
      allowPrivate: ['127.0.0.0/8'],
    }),
    observer: {
      ended: (outcome) => told.push(outcome),
      relayed: (there, back) => told.push(`${there} there, ${back} back`),
    },
    turnedAway: (because) => told.push(because),
    ...over,
  });
  servers.push(server);
  return server;
}

/** A receiver that says who has connected, and then what it hears. */
async function receive(): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.write(`220 ${socket.remoteAddress}\r\n`);
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined);
  });
  receivers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

interface Client {
  readonly socket: Socket;
  said(): string;
}

function listenTo(socket: Socket): Client {
  sockets.push(socket.on('error', () => undefined));
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  return { socket, said: () => Buffer.concat(heard).toString('latin1') };
}

const call = (port: number): Client => listenTo(connect({ port, host: '127.0.0.1', allowHalfOpen: true }));

const ended = ({ socket }: Client): Promise<boolean> => until('the end', () => socket.readableEnded || socket.closed);
const hex = (text: string): string => Buffer.from(text, 'hex').toString('latin1');
const wayTo = (port: number, source = '127.0.0.5'): Buffer =>
  Buffer.concat([greeting([0]), request(2, { address: source, port: 0 }), request(1, { address: '127.0.0.1', port })]);

test('a receiver is reached from the address that was asked for, one byte at a time or all at once', async () => {
  const port = await receive();
  const server = await start({}, [port]);
  const client = call(server.port);
  for (const byte of wayTo(port)) {
    client.socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the banner', () => client.said().endsWith('220 127.0.0.5\r\n'));
  expect(client.said().startsWith(hex('0500 05000001 7f000005 0000 05000001 7f000005'.replaceAll(' ', '')))).toBe(true);
  client.socket.end('bye\r\n');
  await ended(client);
  expect(client.said().endsWith('220 127.0.0.5\r\nbye\r\n')).toBe(true);
  await until('its end', () => told.length === 2);
  expect(told).toEqual(['connected', '5 there, 20 back']);

  const second = call(server.port);
  second.socket.write(Buffer.concat([wayTo(port), Buffer.from('early')]));
  await until('what was said too early', () => second.said().endsWith('220 127.0.0.5\r\nearly'));
});

test('who ends before there is a connection gets none', async () => {
  const port = await receive();
  const server = await start({}, [port]);
  const client = call(server.port);
  client.socket.end(wayTo(port).subarray(0, 8));
  await ended(client);
  expect(told).toEqual(['gone']);
});

test('an address that the machine does not have is answered to BIND', async () => {
  const port = await receive();
  const server = await start({}, [port]);
  const client = call(server.port);
  client.socket.write(wayTo(port, '192.0.2.1'));
  await ended(client);
  expect(client.said()).toBe(hex('050005010001000000000000'));
  expect(told).toEqual(['unbound']);
});

test('a receiver that refuses is told apart from a proxy that does', async () => {
  const port = await receive();
  receivers.splice(0).forEach((it) => it.close());
  const server = await start({}, [port]);
  const client = call(server.port);
  client.socket.write(wayTo(port));
  await ended(client);
  expect(client.said().slice(-10)).toBe(hex('05050001000000000000'));
  expect(told).toEqual(['unreachable']);
});

test.each([
  ['nothing', ''],
  ['half a greeting', '05'],
  ['a greeting alone', '050100'],
  ['half a request', '050100050200017f0000'],
  ['a source alone', '050100050200017f0000050000'],
])('who says %s has ten seconds, whatever bytes still come', async (_, said) => {
  const server = await start();
  const client = call(server.port);
  client.socket.write(Buffer.from(said, 'hex'));
  await until('it is connected', () => server.connections === 1);
  await until('its answers', () => client.said().length >= (said.length > 20 ? 12 : said.length > 2 ? 2 : 0));
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(seconds(9));
  expect(told).toEqual([]);
  clock.advance(seconds(1));
  expect(told).toEqual(['late']);
  await ended(client);
  clock.advance(seconds(2));
  await until('it is gone', () => server.connections === 0);
  expect(clock.timers).toBe(0);
});

test('too many connections are closed unheard, of one client and in all', async () => {
  const server = await start();
  const [first, second] = [call(server.port), call(server.port)];
  await until('two are in', () => server.connections === 2);
  const third = call(server.port);
  await ended(third);
  expect(told).toEqual(['too-many-from-address']);
  first.socket.destroy();
  await until('one has gone', () => server.connections === 1);
  call(server.port);
  await until('another is in', () => server.connections === 2);
  second.socket.destroy();
});

test('under TLS it is the same, and who does not begin it has ten seconds', async () => {
  const { cert, key } = await selfMadeCertificate(['127.0.0.1']);
  const port = await receive();
  const secureContext = createSecureContext({ cert, key });
  const server = await start({ secureContext: () => secureContext }, [port]);
  const client = listenTo(connectTls({ port: server.port, host: '127.0.0.1', ca: cert }));
  client.socket.write(wayTo(port));
  await until('the banner', () => client.said().endsWith('220 127.0.0.5\r\n'));
  const inClear = call(server.port);
  inClear.socket.write(wayTo(port));
  await ended(inClear);
  await until('it is told', () => told.includes('tls'));
  call(server.port);
  await until('it is in', () => server.connections === 2);
  clock.advance(seconds(10));
  await until('it is cut', () => server.connections === 1);
  expect(told).toEqual(['connected', 'tls', 'tls']);
});

test('a stop waits for what is connected and for nothing else', async () => {
  const port = await receive();
  const server = await start({}, [port]);
  const [client, idle] = [call(server.port), call(server.port)];
  client.socket.write(wayTo(port));
  await until('the banner', () => client.said().includes('220 '));
  await until('both are in', () => server.connections === 2);
  let isClosed = false;
  const closing = server.close(seconds(60)).then(() => (isClosed = true));
  await ended(idle);
  await until('one is left', () => server.connections === 1);
  client.socket.write('more');
  await until('it goes on', () => client.said().endsWith('more'));
  expect(isClosed).toBe(false);
  clock.advance(seconds(60));
  await closing;
  expect(server.connections).toBe(0);
});

test('a port that is taken is a fault that names its flag', async () => {
  const server = await start();
  const second = start({ port: server.port }).catch((thrown: unknown) => thrown);
  const fault = await second;
  expect(codeOf(fault)).toBe('address-in-use');
  expect(String(fault)).toContain('--listen');
});
