/**
 * SIGTERM: nothing new is taken, what is past DATA ends either way, the rest is left to the next start; once more ends it
 * at once. Whoever watches sees it from the first moment to the last.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { type Answers, Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { SmtpClient, submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

/** A reply to the final dot that others would call slow. */
const SLOW = 20_000;
/** Signals closer than this are one. */
const ECHO = 700;
/** What a stop may take that waits for nobody. */
const PROMPT = 12_000;

const scene = openScene();

async function open(answers: Answers = {}) {
  const config = await ConfigFolder.from(scene, 'bench');
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, answers));
  const fleet = await Postfleet.start(scene, config);
  const again = (): Promise<Postfleet> => Postfleet.start(scene, config, { data: fleet.data });
  return { config, receiver, fleet, again };
}

const send = (fleet: Postfleet): Promise<string> =>
  submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);

const readiness = async (fleet: Postfleet): Promise<number> => (await fetch(`${fleet.metricsUrl}/readyz`)).status;

const isRefused = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: '127.0.0.1' });
  const refused = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.destroy();
  return refused;
};

/** The first half of a request by HTTP, on a connection that is to be kept. */
async function beginRequest(fleet: Postfleet): Promise<{ socket: Socket; heard: () => string; rest: string }> {
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  const from = { address: 'hello@example.com' };
  const body = JSON.stringify({ from, to: [{ address: 'you@demo.test' }], subject: 'Hi', text: 'x' });
  const socket = connect({ port: fleet.ports.api, host: '127.0.0.1' });
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const head = [
    'POST /v1/messages HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
  ];
  socket.write(`${[...head, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body.slice(0, 10)}`);
  return { socket, heard: () => heard, rest: body.slice(10) };
}

test('what is past DATA ends and is on record, nothing new is taken, exit 0, and nothing is sent again', async () => {
  const { receiver, fleet, again } = await open({
    beforeDotReply: () => (receiver.seen.length === 1 ? pause(SLOW) : undefined),
  });
  const id = await send(fleet);
  await until('the message is past its final dot', () => receiver.seen.length === 1);
  const idle = await SmtpClient.open(fleet.ports.submission);
  const request = await beginRequest(fleet);
  expect(await readiness(fleet)).toBe(200);

  const from = performance.now();
  const stopped = fleet.stop();
  expect(await idle.reply()).toMatch(/^421 4\.3\.2 /);
  expect(await readiness(fleet)).toBe(503);
  expect(performance.now() - from).toBeLessThan(1000);
  expect(await isRefused(fleet.ports.submission)).toBe(true);
  expect(await isRefused(fleet.ports.api)).toBe(true);
  // A request that has begun is answered as the last on its connection: what comes after it is not taken.
  request.socket.write(`${request.rest}GET /v1/messages/x HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until('the connection is closed', () => request.socket.closed);
  expect(request.heard()).toMatch(/^HTTP\/1\.1 202 [^]*^connection: close\r$/im);
  expect(request.heard().match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
  // Liveness and metrics to the last.
  expect((await fetch(`${fleet.metricsUrl}/healthz`)).status).toBe(200);
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(performance.now() - from).toBeGreaterThan(SLOW - 5000);
  expect(fleet.events().filter((it) => it.message === id && it.type === 'delivered')).toHaveLength(1);

  const next = await again();
  await until('what came by the last request is sent', () => receiver.seen.length === 2);
  await until('nothing waits', async () => (await next.metric('postfleet_queue_depth')) === 0);
  expect(receiver.taken).toHaveLength(2);
  await next.stop();
});

test('a second SIGTERM ends it at once, and what was in doubt is sent once more, not oftener', async () => {
  const { receiver, fleet, again } = await open({
    beforeDotReply: () => (receiver.seen.length === 1 ? new Promise(() => undefined) : undefined),
  });
  await send(fleet);
  await until('the message is past its final dot', () => receiver.seen.length === 1);
  const first = fleet.stop();
  await fleet.program.says(/draining/);
  await pause(ECHO);
  const from = performance.now();
  expect(await Promise.all([first, fleet.stop()])).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(performance.now() - from).toBeLessThan(2000);

  const next = await again();
  await until('nothing waits', async () => (await next.metric('postfleet_queue_depth')) === 0);
  expect(receiver.seen).toHaveLength(2);
  expect(await next.stop()).toEqual({ code: 0, signal: null });
});

test('Ctrl-C that comes twice, from the terminal and from npm, counts once', async () => {
  const { receiver, fleet, again } = await open({
    beforeDotReply: () => (receiver.seen.length === 1 ? pause(3000) : undefined),
  });
  const id = await send(fleet);
  await until('the message is past its final dot', () => receiver.seen.length === 1);
  fleet.program.signal('SIGINT');
  await pause(20);
  fleet.program.signal('SIGINT');
  expect(await fleet.program.ended).toEqual({ code: 0, signal: null });
  expect(fleet.events().filter((it) => it.message === id && it.type === 'delivered')).toHaveLength(1);
  const next = await again();
  expect(await next.metric('postfleet_queue_depth')).toBe(0);
  await next.stop();
});

test('a receiver that does not even greet holds up no stop, and its mail goes at the next start', async () => {
  let isSilent = true;
  const { receiver, fleet, again } = await open({ banner: () => (isSilent ? '' : '220 receiver.test') });
  const id = await send(fleet);
  await until('it is connected to', () => receiver.connections > 0);
  const from = performance.now();
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - from).toBeLessThan(PROMPT);
  expect(fleet.events().filter((it) => it.message === id && it.type !== 'queued')).toEqual([]);

  isSilent = false;
  const next = await again();
  await next.event('delivered', id);
  expect(receiver.taken).toHaveLength(1);
  await next.stop();
});

test('a message that is coming in is taken, who has not come to DATA is told 421, and both are safe', async () => {
  const { receiver, fleet, again } = await open();
  const sender = await SmtpClient.open(fleet.ports.submission);
  await sender.startTls();
  const plain = Buffer.from(`\0${fleet.username}\0${fleet.password}`).toString('base64');
  expect(await sender.say(`AUTH PLAIN ${plain}`)).toMatch(/^235/);
  expect(await sender.say('MAIL FROM:<hello@example.com>')).toMatch(/^250/);
  expect(await sender.say('RCPT TO:<you@demo.test>')).toMatch(/^250/);
  expect(await sender.say('DATA')).toMatch(/^354/);
  const stopped = fleet.stop();
  await fleet.program.says(/draining/);
  expect(await sender.say('From: hello@example.com\r\nSubject: x\r\n\r\nbody\r\n.')).toMatch(/^250 /);
  expect(await sender.reply()).toMatch(/^421 /);
  expect(await stopped).toEqual({ code: 0, signal: null });
  const next = await again();
  await until('it arrives', () => receiver.taken.length === 1);
  await next.stop();
});
