/**
 * A hundred megabytes without a line end, and a million recipients: what a real process holds of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { freePorts } from '../harness/ports.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let mta: Postfleet;
let balanced = 0;

const MEGABYTE = 1024 * 1024;
const CONNECTIONS = 32;

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  const [port = 0] = await freePorts(1);
  balanced = port;
  const { submission, submissions } = config.ports;
  const listener = (name: string, more: object): object => ({ name, protocol: 'SMTP', address: '127.0.0.1', ...more });
  config.change('MTACluster', {
    spec: {
      ingress: {
        listeners: [
          listener('submission', { port: submission }),
          listener('submissions', { port: submissions, protocol: 'SMTPS' }),
          listener('balanced', { port: balanced, proxyProtocolFrom: ['127.0.0.1/32'] }),
        ],
      },
    },
  });
  mta = await Postfleet.start(scene, config);
});

/** Writes `amount` bytes as fast as they are read; ends early when nobody reads any more. */
async function pour(socket: Socket, amount: number): Promise<void> {
  const block = Buffer.alloc(MEGABYTE, 'x');
  for (let left = amount; left > 0 && !socket.destroyed; left -= block.length)
    if (!socket.write(block)) await drained(socket);
}

/** Until it may be written to again, or never more. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });

/** A connection that has said this; its replies are read and dropped. */
async function opened(port: number, text: string): Promise<Socket> {
  const plain = connect({ port, host: '127.0.0.1' });
  const socket = port === mta.ports.submissions ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  if (port === balanced) return socket;
  socket.write('EHLO client.test\r\n');
  for (const line of text.split('\n').slice(0, -1)) {
    heard = '';
    socket.write(`${line}\r\n`);
    await until(`an answer to ${line}`, () => /^[23]\d\d /m.test(heard));
  }
  socket.write(text.slice(text.lastIndexOf('\n') + 1));
  return socket;
}

/** Bytes of the process: `VmRSS` now, `VmHWM` at most since `forgetPeak`. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${mta.program.pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) * 1024;
}

const forgetPeak = (): void => writeFileSync(`/proc/${mta.program.pid}/clear_refs`, '5');

/** One connection sends the first amount, all others the second. */
const pourAll = (sockets: readonly Socket[], first: number, others: number): Promise<unknown> =>
  Promise.all(sockets.map((socket, at) => pour(socket, at === 0 ? first : others)));

/**
 * How much the process grows at most while the bytes come: the least of a few times, because what is once collected late
 * is no growth.
 */
async function growth(sockets: readonly Socket[]): Promise<number> {
  let least = Infinity;
  for (let time = 0; time < 3 && least >= CONNECTIONS * MEGABYTE; time += 1) {
    const before = memory('VmRSS');
    forgetPeak();
    await pourAll(sockets, 100 * MEGABYTE, 4 * MEGABYTE);
    least = Math.min(least, memory('VmHWM') - before);
  }
  return least;
}

type Place = 'submission' | 'submissions' | 'balanced';
const portOf = (place: Place): number => (place === 'balanced' ? balanced : mta.ports[place]);

test.each<[string, Place, string]>([
  ['a command', 'submission', ''],
  ['EHLO', 'submission', 'EHLO '],
  ['AUTH', 'submissions', 'AUTH PLAIN '],
  ['an answer to AUTH', 'submissions', 'AUTH LOGIN\n'],
  ['a message', 'submission', 'MAIL FROM:<a@example.com>\nRCPT TO:<b@demo.test>\nDATA\nSubject: '],
  ['a PROXY header', 'balanced', 'PROXY '],
])(
  'A09 a hundred megabytes of %s without a line end cost less than a megabyte a connection',
  async (_, place, start) => {
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => opened(portOf(place), start)));
    await pourAll(sockets, 4 * MEGABYTE, 4 * MEGABYTE);
    expect((await growth(sockets)) / MEGABYTE).toBeLessThan(CONNECTIONS);
    for (const socket of sockets) socket.destroy();
    const client = await SmtpClient.open(mta.ports.submission);
    expect(await client.say('NOOP')).toMatch(/^250 /);
    client.close();
  },
);

test('A11 of a million recipients the first thousand are taken, and stay', async () => {
  const client = await opened(mta.ports.submission, 'MAIL FROM:<a@example.com>\n');
  const counts = new Map<string, number>();
  createInterface({ input: client }).on('line', (line) => {
    const reply = line.slice(0, 9);
    counts.set(reply, (counts.get(reply) ?? 0) + 1);
  });
  for (let thousand = 0; thousand < 1000; thousand += 1) {
    const commands = Array.from({ length: 1000 }, (_, at) => `RCPT TO:<c${thousand * 1000 + at}@d.test>\r\n`);
    if (!client.write(commands.join(''))) await drained(client);
  }
  await until('a million answers', () => counts.get('452 4.5.3') === 999_000, 60_000);
  expect(counts.get('250 2.1.5')).toBe(1000);
  client.write('DATA\r\n');
  await until('354', () => counts.has('354 End d'));
  client.write(`${plainMessage('a@example.com', 'c@d.test')}.\r\n`);
  await until('250', () => counts.has('250 2.0.0'));
  expect(await mta.metric('postfleet_accepted_total')).toBe(1000);
  client.destroy();
});
