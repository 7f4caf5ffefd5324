/**
 * A child process that opens many TLS connections and logs in on each; says how many did, and in how many milliseconds.
 *
 * `node logins.ts <count> <tlsPort> <username> <password>`; the connections stay open until it is ended.
 */
import { connect } from 'node:tls';

const [count = '0', port = '0', username = '', password = ''] = process.argv.slice(2);
const auth = `AUTH PLAIN ${Buffer.from(`\0${username}\0${password}`).toString('base64')}\r\n`;

/** True once the server has said 235. */
function logIn(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
    let heard = '';
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      if (/^235 /m.test(heard)) resolve(true);
      else if (/^250 /m.test(heard)) socket.write(auth);
      else if (/^220 /m.test(heard)) socket.write('EHLO client.test\r\n');
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

const begun = performance.now();
const done = await Promise.all(Array.from({ length: Number(count) }, logIn));
const took = Math.round(performance.now() - begun);
process.stdout.write(`${done.filter(Boolean).length} in ${took}\n`);
setInterval(() => undefined, 1000);
