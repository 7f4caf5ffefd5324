import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { selfMadeCertificate } from '../run/certificate.ts';
import { type KubeconfigAccess, kubeconfigAccess } from './kubeconfig.ts';

const POD = { namespace: 'mail', name: 'main-worker-1' };
const PORT = 8081;
/** Streams of a port that is forwarded: what is said there, and what is complained of. */
const [SAID, COMPLAINED] = [0, 1];

/** RFC 6455 §4.2.2. */
const accepted = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** A short binary frame, as servers send them. */
const framed = (stream: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x82, bytes.length + 1, stream]), bytes]);

/** What a client said in a short frame of its own, without the stream's number. */
function unframed(frame: Buffer): Buffer {
  const [length, mask] = [(frame[1] ?? 0) & 0x7f, frame.subarray(2, 6)];
  return frame.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0)) as Buffer;
}

/** An API server that forwards ports: each stream begins with the port's number. `then` is sent after it; what it hears it sends back. */
async function serving(then: readonly Buffer[]): Promise<KubeconfigAccess> {
  const { key, cert } = await selfMadeCertificate(['127.0.0.1']);
  const server = createServer({ key, cert });
  onTestFinished(() => void server.close());
  server.on('upgrade', (request, socket) => {
    const [protocol = ''] = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    const more = [`Sec-WebSocket-Accept: ${accepted(request.headers['sec-websocket-key'] ?? '')}`];
    socket.write([...head, ...more, `Sec-WebSocket-Protocol: ${protocol}`, '', ''].join('\r\n'));
    const number = Buffer.alloc(2);
    number.writeUInt16LE(PORT);
    for (const it of [framed(SAID, number), framed(COMPLAINED, number), ...then]) socket.write(it);
    socket.on('data', (frame: Buffer) => socket.write(framed(SAID, unframed(frame).subarray(1))));
    onTestFinished(() => void socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const cluster = {
    server: `https://127.0.0.1:${port}`,
    'certificate-authority-data': Buffer.from(cert).toString('base64'),
  };
  const access = kubeconfigAccess(
    JSON.stringify({
      clusters: [{ name: 'a', cluster }],
      users: [{ name: 'a', user: { token: 't' } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    }),
  );
  onTestFinished(() => access.close());
  return access;
}

/** One end of a socket, and what has come to its other. */
function pair(): { socket: Duplex; heard: PassThrough } {
  const heard = new PassThrough();
  const write = (chunk: Buffer, _: string, done: () => void): void => void heard.write(chunk, () => done());
  return { socket: new Duplex({ read: () => undefined, write }), heard };
}

test('what is said to a forwarded port arrives there, and what is said there arrives here', async () => {
  const access = await serving([]);
  const { socket, heard } = pair();
  await access.forward(POD, PORT, socket);
  socket.push('GET / HTTP/1.1');
  const [answer] = (await once(heard, 'data')) as [Buffer];
  expect(answer.toString()).toBe('GET / HTTP/1.1');
  expect(socket.destroyed).toBe(false);
  socket.destroy();
});

test('what the node complains of later ends the socket with it', async () => {
  const access = await serving([framed(COMPLAINED, Buffer.from('connection refused\n'))]);
  const { socket } = pair();
  const failed = once(socket, 'error');
  await access.forward(POD, PORT, socket);
  const [fault] = (await failed) as [unknown];
  expect(fault).toMatchObject({
    code: 'kube-unreachable',
    message: 'port 8081 of pod mail/main-worker-1: connection refused',
  });
});

test.each<[kubeconfig: string, says: RegExp]>([
  ['{', /cannot be read/],
  ['{}', /names no API server with https/],
])('the kubeconfig %s is refused', (kubeconfig, says) => {
  expect(() => kubeconfigAccess(kubeconfig)).toThrow(says);
});
