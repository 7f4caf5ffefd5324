import { isAscii } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Certificate, selfMadeCertificate } from '../run/certificate.ts';
import { composeMail, composeMultipart, type Mail, submitMail } from './mail.ts';

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

describe('a message composed of fields', () => {
  const MESSAGE: Mail = {
    from: { address: 'a@example.com', name: 'Ann, of "Sales" <x>' },
    to: [{ address: 'b@dest.test' }, { address: '"b c"@dest.test', name: 'B\u00e9a' }],
    cc: [{ address: 'd@dest.test' }],
    replyTo: [],
    subject: 'hello',
    text: 'body\nline',
    headers: [['X-Ours', 'caf\u00e9']],
    attachments: [],
  };

  test('is put together at once as the library would by its streams', async () => {
    const word = fc.constantFrom(
      'a',
      'word ',
      ' ',
      '\t',
      '\n',
      '\r\n',
      '.',
      '=',
      '--_NmP',
      '\u00e9',
      '\u{1f600}',
      'x'.repeat(90),
    );
    const content = fc.array(word, { maxLength: 60 }).map((it) => it.join(''));
    const attachment = fc.record({
      filename: fc.constantFrom('a.txt', 'r\u00e9sum\u00e9 "1".pdf', 'n'.repeat(200)),
      contentType: fc.constantFrom('text/plain', 'text/csv; charset=utf-8', 'application/pdf'),
      content: fc.uint8Array({ maxLength: 300 }).map((it) => Buffer.from(it)),
      contentId: fc.option(fc.constant('pic'), { nil: undefined }),
    });
    const mail = fc.record({
      text: fc.option(content, { nil: undefined }),
      html: fc.option(content, { nil: undefined }),
      attachments: fc.array(attachment, { maxLength: 3 }),
    });
    // Boundaries are drawn, and the library folds a line that ends in spaces otherwise when it sees it piece by piece.
    const told = (raw: Buffer): string =>
      raw
        .toString('latin1')
        .replaceAll(/--_NmP-[0-9a-f]+/g, '--_NmP')
        .replaceAll('=\r\n', '');
    await fc.assert(
      fc.asyncProperty(mail, async (over) => {
        const [atOnce, byStreams] = [
          await composeMail({ ...MESSAGE, ...over }),
          await composeMail({ ...MESSAGE, ...over }, -1),
        ];
        expect(told(atOnce)).toBe(told(byStreams));
      }),
    );
  });

  const compose = async (over: Partial<Mail> = {}): Promise<string> =>
    (await composeMail({ ...MESSAGE, ...over })).toString('latin1');
  const html = '<p>hi</p>';
  const file = { filename: 'a.csv', contentType: 'text/csv', content: Buffer.from('1,2\n') };
  const picture = { filename: 'p.png', contentType: 'image/png', content: Buffer.from([0, 255]), contentId: 'pic' };

  test('has what was given, and neither a date nor an id nor who sent it', async () => {
    const [head = '', body] = (await compose()).split('\r\n\r\n');
    expect(head).toMatch(/^From: "Ann, of \\"Sales\\" <x>" <a@example\.com>\r$/m);
    expect(head).toMatch(/^To: b@dest\.test, =\?UTF-8\?Q\?B=C3=A9a\?= <"b c"@dest\.test>\r$/m);
    expect(head).toMatch(/^Cc: d@dest\.test\r$/m);
    expect(head).toMatch(/^X-Ours: =\?UTF-8\?Q\?caf=C3=A9\?=\r$/m);
    expect(head).toMatch(/^MIME-Version: 1\.0/m);
    expect(head).not.toMatch(/^(?:Date|Message-ID|Bcc|Reply-To|Sender|X-Mailer):/im);
    expect(body).toBe('body\r\nline\r\n');
  });

  test.each<[string, Partial<Mail>, readonly string[]]>([
    ['text', {}, ['text/plain']],
    ['HTML', { text: undefined, html }, ['text/html']],
    ['both', { html }, ['multipart/alternative', 'text/plain', 'text/html']],
    ['a file', { attachments: [file] }, ['multipart/mixed', 'text/plain', 'text/csv']],
    [
      'everything',
      { html, attachments: [picture, file] },
      [
        'multipart/mixed',
        'multipart/alternative',
        'text/plain',
        'multipart/related',
        'text/html',
        'image/png',
        'text/csv',
      ],
    ],
  ])('is built of as few parts as it needs: %s', async (_, over, types) => {
    const text = await compose(over);
    expect([...text.matchAll(/^Content-Type: ([^;\r]+)/gm)].map(([, type]) => type)).toEqual(types);
  });

  test('holds its files byte by byte', async () => {
    const text = await compose({ html, attachments: [picture, file] });
    expect(text).toContain(`\r\n\r\n${picture.content.toString('base64')}\r\n`);
    expect(text).toMatch(/^Content-Id: <pic>\r$/im);
    expect(text).toMatch(/^Content-Disposition: inline; filename=p\.png\r$/m);
    expect(text).toMatch(/^Content-Disposition: attachment; filename=a\.csv\r$/m);
  });

  test('is 7-bit in CRLF lines of bounded length, whatever its text and files are', async () => {
    const anyText = fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', 'a', ' ', '.', '\u00e9', 'x'.repeat(1200)) });
    const anyFile = fc.record({
      filename: fc.constant('a'),
      contentType: fc.constantFrom('text/plain', 'x/y'),
      content: fc.uint8Array().map((it) => Buffer.from(it)),
    });
    const anyMail = fc.record({
      text: anyText,
      html: fc.option(anyText, { nil: undefined }),
      attachments: fc.array(anyFile),
    });
    await fc.assert(
      fc.asyncProperty(anyMail, async (over) => {
        const bytes = await composeMail({ ...MESSAGE, ...over });
        expect(isAscii(bytes)).toBe(true);
        expect(bytes.toString('latin1')).toMatch(/^(?:[^\r\n]{0,998}\r\n)+$/);
      }),
    );
  });
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
