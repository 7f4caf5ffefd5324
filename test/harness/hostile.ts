/**
 * A child process that connects many times and does harm as it is told, then says on standard output how far it got.
 *
 * `node hostile.ts <kind> <count> <port> <tlsPort>`: each connection comes from one of fifty addresses of 127/8. Kinds:
 * `silent` says nothing; `hello` sends TLS's first bytes, one every ten seconds; `ehlo`, `auth` and `data` get so far and go on
 * by a byte every ten seconds; `junk` sends noise and comes again when it is cut.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [kind = '', count = '0', port = '0', tlsPort = '0'] = process.argv.slice(2);
const ADDRESSES = 50;
const PACE = 10_000;
const AT_A_TIME = 100;

let reached = 0;
let open = 0;

const from = (at: number) => ({ host: '127.0.0.1', localAddress: `127.0.1.${1 + (at % ADDRESSES)}` });

function dial(at: number, to = port): Socket {
  const socket = connect({ ...from(at), port: Number(to) });
  open += 1;
  socket.on('error', () => undefined);
  socket.on('close', () => (open -= 1));
  return socket;
}

/** Says `lines`, each after a reply; then resolves. */
async function says(socket: Socket, ...lines: readonly string[]): Promise<void> {
  for (const line of ['', ...lines]) {
    if (line !== '') socket.write(`${line}\r\n`);
    await new Promise<void>((resolve) => {
      socket.once('data', () => resolve());
      socket.once('close', () => resolve());
    });
  }
}

function trickle(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), PACE);
  socket.on('close', () => clearInterval(timer));
}

/** TLS over a fresh connection, greeted. */
async function secured(at: number): Promise<Socket> {
  const raw = dial(at, tlsPort);
  const tls = connectTls({ socket: raw, rejectUnauthorized: false });
  tls.on('error', () => undefined);
  await says(tls, 'EHLO hostile.test');
  return tls;
}

const KINDS: Readonly<Record<string, (at: number) => Promise<void>>> = {
  async silent(at) {
    const socket = dial(at);
    await says(socket);
  },
  async hello(at) {
    const socket = dial(at, tlsPort);
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
    trickle(socket, '\0');
  },
  async ehlo(at) {
    const socket = dial(at);
    await says(socket);
    socket.write('EHL');
    trickle(socket, 'O');
  },
  async auth(at) {
    const tls = await secured(at);
    tls.write('AUTH LOGIN\r\n');
    trickle(tls, 'Q');
  },
  async data(at) {
    const socket = dial(at);
    await says(socket, 'EHLO hostile.test', 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@dest.test>', 'DATA');
    socket.write('Subject: slow\r\n\r\n');
    trickle(socket, 'x');
  },
  async junk(at) {
    const socket = dial(at);
    socket.resume();
    const timer = setInterval(() => socket.write(randomBytes(64)), 1000);
    socket.on('close', () => {
      clearInterval(timer);
      setTimeout(() => void KINDS['junk']?.(at), 1000);
    });
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  },
};

let next = 0;
async function worker(): Promise<void> {
  while (next < Number(count)) {
    next += 1;
    await KINDS[kind]?.(next);
    reached += 1;
  }
}
await Promise.all(Array.from({ length: AT_A_TIME }, worker));
process.stdout.write(`reached ${reached}\n`);
setInterval(() => process.stdout.write(`open ${open}\n`), 1000);
