import { isAscii } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, selfMadeCertificate } from '../run/certificate.ts';
import { composeMultipart, submitMail } from './mail.ts';

describe('composed mail', () => {
  const compose = async (headers: readonly (readonly [string, string])[], content: string | Buffer): Promise<string> =>
    (
      await composeMultipart('multipart/mixed', headers, [{ contentType: 'text/plain; charset=utf-8', content }])
    ).toString('latin1');

  test('has its headers in order, then its parts, and ends with a line end', async () => {
    const text = await compose(
      [
        ['From', 'a@example.com'],
        ['Subject', 'hello'],
      ],
      'body',
    );
    expect(text).toMatch(/^From: a@example\.com\r\nSubject: hello\r\n[^]*\r\n\r\nbody\r\n--[^]*--\r\n$/);
  });

  test.each([
    ['line feeds alone', 'a\nb\n\nc'],
    ['long lines', 'x'.repeat(5000)],
    ['8-bit text', 'caf\u00e9 \u{1f600}\r\n'],
    ['bytes', Buffer.from([0xff, 0xfe, 0x41, 0x0a])],
  ])('is 7-bit, in CRLF lines of bounded length: %s', async (_, content) => {
    const text = await compose([['Subject', 'caf\u00e9']], content);
    expect(isAscii(Buffer.from(text, 'latin1'))).toBe(true);
    expect(text).toMatch(/^(?:[^\r\n]{0,998}\r\n)+$/);
  });

  test.each(['x\r\nBcc: c@dest.test', 'x\nBcc: c@dest.test', 'x\r\n\r\nbody'])(
    'has no header that a value brought along: %j',
    async (value) => {
      const [head = ''] = (await compose([['Subject', value]], 'body')).split('\r\n\r\n');
      expect(head).not.toMatch(/^Bcc:/im);
      expect(head).toMatch(/^MIME-Version: 1\.0\r$/m);
    },
  );
});

let certificate: Certificate;
beforeAll(async () => {
  certificate = await selfMadeCertificate(['localhost', '127.0.0.1']);
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

interface Heard {
  readonly port: number;
  readonly commands: string[];
  isSecure: boolean;
}

/** A server that offers `extensions`, takes everything but what `refuse` names, and remembers what it was told. */
async function serve(extensions: readonly string[], refuse: Readonly<Record<string, string>> = {}): Promise<Heard> {
  const server = createServer((socket) => {
    socket.write('220 mail.example\r\n');
    listen(socket, (line) => reply(line, socket));
  });
  const heard: { -readonly [K in keyof Heard]: Heard[K] } = { port: 0, commands: [], isSecure: false };
  const reply = (line: string, socket: Socket): void => {
    heard.commands.push(line);
    const [verb = ''] = line.split(' ');
    if (verb === 'STARTTLS' && extensions.includes(verb)) return secure(socket);
    socket.write(`${refuse[verb] ?? answers(extensions)[verb] ?? '250 ok'}\r\n`);
  };
  const secure = (socket: Socket): void => {
    socket.write('220 go\r\n');
    socket.removeAllListeners('data');
    const safe = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificate) });
    safe.on('error', () => undefined);
    safe.on('secure', () => (heard.isSecure = true));
    listen(safe, (line) => reply(line, safe));
  };
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const address = server.address();
  heard.port = address !== null && typeof address === 'object' ? address.port : 0;
  return heard;
}

const answers = (extensions: readonly string[]): Readonly<Record<string, string>> => ({
  EHLO: ['250-mail.example', ...extensions.map((it) => `250-${it}`), '250 HELP'].join('\r\n'),
  AUTH: '235 welcome',
  DATA: '354 go',
  '.': '250 2.0.0 queued as 4711',
  QUIT: '221 bye',
});

/** Hears commands; of a message only its final dot. */
function listen(socket: Socket, hear: (line: string) => void): void {
  let isContent = false;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\r\n').slice(0, -1)) {
      if (!isContent || line === '.') hear(line);
      isContent = line === 'DATA' || (isContent && line !== '.');
    }
  });
}

const MAIL = { from: 'a@example.com', to: ['b@dest.test', 'c@dest.test'], subject: 'hello', text: 'body' };
const server = (port: number, ca = certificate.cert) => ({
  host: '127.0.0.1',
  port,
  username: 'default.app',
  password: 'secret',
  ca,
});

describe('a message that is submitted', () => {
  test('goes under TLS, with a password, to every recipient, and answers what the server said', async () => {
    const heard = await serve(['STARTTLS', 'AUTH PLAIN']);
    expect(await submitMail(server(heard.port), MAIL)).toBe('250 2.0.0 queued as 4711');
    expect(heard.isSecure).toBe(true);
    const verbs = ['MAIL FROM:<a@example.com>', 'RCPT TO:<b@dest.test>', 'RCPT TO:<c@dest.test>', 'DATA'];
    expect(heard.commands).toEqual(expect.arrayContaining(verbs));
  });

  test('never goes in clear: a server without TLS is told no password and no mail', async () => {
    const heard = await serve(['AUTH PLAIN'], { STARTTLS: '502 no' });
    await expect(submitMail(server(heard.port), MAIL)).rejects.toThrow(/./);
    expect(heard.commands.filter((it) => /^(?:AUTH|MAIL|RCPT|DATA)/.test(it))).toEqual([]);
  });

  test('never goes to a server with the certificate of somebody else', async () => {
    const heard = await serve(['STARTTLS', 'AUTH PLAIN']);
    const other = await selfMadeCertificate(['127.0.0.1']);
    await expect(submitMail(server(heard.port, other.cert), MAIL)).rejects.toThrow(/certificate/);
    expect(heard.commands.filter((it) => /^(?:AUTH|MAIL)/.test(it))).toEqual([]);
  });

  test.each([
    ['AUTH', '535 5.7.8 wrong password'],
    ['MAIL', '550 5.7.1 not yours'],
    ['.', '452 4.3.1 no room'],
  ])('that is refused at %s rejects with the words of the server, without the password', async (verb, said) => {
    const heard = await serve(['STARTTLS', 'AUTH PLAIN'], { [verb]: said });
    const refusal = await submitMail(server(heard.port), MAIL).catch(String);
    expect(refusal).toContain(said);
    expect(refusal).not.toContain('secret');
  });

  test('to nobody there rejects', async () => {
    const heard = await serve([]);
    for (const closing of servers.splice(0)) closing.close();
    await expect(submitMail(server(heard.port), MAIL)).rejects.toThrow('ECONNREFUSED');
  });
});
