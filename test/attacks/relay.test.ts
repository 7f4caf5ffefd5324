/**
 * Every way known to make a relay send for a stranger, tried on a fresh start; nothing may leave.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';

const scene = openScene();
let mta: Postfleet;
let sink: Receiver;

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench', { SendingCredential: { spec: { networks: [] } } });
  sink = scene.adopt(await Receiver.listen(config.ports.receiver));
  mta = await Postfleet.start(scene, config);
});

const RECIPIENTS = [
  'victim@elsewhere.test',
  'victim%elsewhere.test@example.com',
  'elsewhere.test!victim@example.com',
  'victim%elsewhere.test',
  'elsewhere.test!victim',
  '@example.com:victim@elsewhere.test',
  '@a.test,@b.test:victim@elsewhere.test',
  '"victim@elsewhere.test"@example.com',
  '"victim%elsewhere.test"@example.com',
  '"elsewhere.test!victim"@example.com',
  '"victim@elsewhere.test"',
  'victim@elsewhere.test@example.com',
  'victim@example.com@elsewhere.test',
  'victim@[127.0.0.1]',
  'victim@127.0.0.1',
  'victim@[IPv6:::1]',
  'victim@localhost',
  'victim@mta.test',
  'victim@elsewhere.test.',
  'victim@elsewhere.test(example.com)',
  'victim@example.com:elsewhere.test',
  'victim@elsewhere.test%00@example.com',
  'victim@ELSEWHERE.test',
  'Postmaster',
] as const;

/** What a stranger may do first, in the hope that it makes somebody of them. */
const APPROACHES: Readonly<Record<string, (client: SmtpClient) => Promise<unknown>>> = {
  nothing: async () => undefined,
  TLS: (client) => client.startTls(),
  'a wrong password': async (client) => {
    await client.startTls();
    expect(await client.say(`AUTH PLAIN ${plain('default.app', 'wrong')}`)).toMatch(/^535 /);
  },
  'a login without a password': async (client) => {
    await client.startTls();
    expect(await client.say(`AUTH PLAIN ${plain('default.app', '')}`)).toMatch(/^501 /);
  },
  'a login that is not finished': async (client) => {
    await client.startTls();
    expect(await client.say('AUTH LOGIN')).toMatch(/^334 /);
    expect(await client.say('*')).toMatch(/^501 /);
  },
  'a password in clear': async (client) => {
    expect(await client.say(`AUTH PLAIN ${plain(mta.username, mta.password)}`)).toMatch(/^538 /);
  },
  XCLIENT: async (client) => {
    expect(await client.say('XCLIENT ADDR=127.0.0.1 LOGIN=default.app')).toMatch(/^500 /);
  },
  XFORWARD: async (client) => {
    expect(await client.say('XFORWARD ADDR=127.0.0.1 NAME=mta.test')).toMatch(/^500 /);
  },
  'our own name': async (client) => {
    expect(await client.say('EHLO mta.test')).toMatch(/^250/);
  },
  'a name in brackets': async (client) => {
    expect(await client.say('HELO [127.0.0.1]')).toMatch(/^250/);
  },
};

const SENDERS = [
  'hello@example.com',
  '',
  'hello@mta.test',
  'postmaster@localhost.localdomain',
  'victim@elsewhere.test',
  'hello%example.com@elsewhere.test',
  '"hello@example.com"@elsewhere.test',
  '@example.com:hello@elsewhere.test',
] as const;

const plain = (username: string, password: string): string =>
  Buffer.from(`\0${username}\0${password}`).toString('base64');

/** Everything up to the dot in the face of any refusal; whether anything was taken. */
async function insist(client: SmtpClient, sender: string, recipients: readonly string[], extra = ''): Promise<boolean> {
  const said = [await client.say(`MAIL FROM:<${sender}>${extra}`)];
  for (const recipient of recipients) said.push(await client.say(`RCPT TO:<${recipient}>`));
  said.push(await client.say('DATA'));
  client.close();
  return said.some((it) => !it.startsWith('5'));
}

describe('A05 a stranger', () => {
  test.each(RECIPIENTS)('sends nothing to %s', async (recipient) => {
    for (const sender of ['hello@example.com', '']) {
      const client = await SmtpClient.open(mta.ports.submission);
      await client.startTls();
      expect([sender, await insist(client, sender, [recipient])]).toEqual([sender, false]);
    }
  });

  test.each(SENDERS)('sends nothing as <%s>', async (sender) => {
    for (const extra of ['', ' AUTH=<hello@example.com>', ' AUTH=<>']) {
      const client = await SmtpClient.open(mta.ports.submission);
      await client.startTls();
      expect([extra, await insist(client, sender, ['victim@elsewhere.test'], extra)]).toEqual([extra, false]);
    }
  });

  test.each(Object.entries(APPROACHES))('sends nothing after %s', async (_, approach) => {
    const client = await SmtpClient.open(mta.ports.submission);
    await approach(client);
    expect(await insist(client, 'hello@example.com', ['victim@elsewhere.test', 'hello@example.com'])).toBe(false);
  });

  test.each([
    ['PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n'],
    ['PROXY UNKNOWN\r\n'],
    ['\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['POST / HTTP/1.1\r\n\r\nEHLO a\r\n'],
  ])('sends nothing behind %j', async (header) => {
    const client = await SmtpClient.connect(mta.ports.submission);
    const message = plainMessage('hello@example.com', 'victim@elsewhere.test');
    const envelope = 'EHLO a\r\nMAIL FROM:<hello@example.com>\r\nRCPT TO:<victim@elsewhere.test>\r\n';
    client.write(Buffer.from(`${header}${envelope}BDAT ${message.length} LAST\r\n${message}QUIT\r\n`, 'latin1'));
    for (let said = await client.reply(); said !== ''; said = await client.reply())
      expect(said).toMatch(/^(?:250-mta\.test|5\d\d |221 |421 )/);
  });

  test.each(['DATA first', 'a message in one burst', 'chunks in one burst', 'RSET between'])(
    'sends nothing by %s',
    async (how) => {
      const message = plainMessage('hello@example.com', 'victim@elsewhere.test');
      const envelope = 'MAIL FROM:<hello@example.com>\r\nRCPT TO:<victim@elsewhere.test>\r\n';
      const bursts: Readonly<Record<string, string>> = {
        'DATA first': `DATA\r\n${message}.\r\n`,
        'a message in one burst': `${envelope}DATA\r\n${message}.\r\n`,
        'chunks in one burst': `${envelope}BDAT ${message.length} LAST\r\n${message}QUIT\r\n`,
        'RSET between': `MAIL FROM:<hello@example.com>\r\nRSET\r\nRCPT TO:<victim@elsewhere.test>\r\nBDAT ${message.length} LAST\r\n${message}QUIT\r\n`,
      };
      const client = await SmtpClient.open(mta.ports.submission);
      client.write(bursts[how] ?? '');
      for (let said = await client.reply(); said !== ''; said = await client.reply()) {
        expect(said).toMatch(/^(?:5\d\d |221 |250 2\.0\.0 OK)/);
        if (said.startsWith('554')) client.close();
      }
    },
  );

  test.each<[string, string, string]>([
    ['without a token', '', 'application/json'],
    ['with a token of nobody', 'Bearer default.nobody:x', 'application/json'],
    ['with a password as it is', 'Basic ZGVmYXVsdC5hcHA6eA==', 'application/json'],
    ['with a message as it is', '', 'message/rfc822'],
  ])('sends nothing by HTTP %s', async (_, authorization, type) => {
    const json = { from: { address: 'hello@example.com' }, to: [{ address: 'victim@elsewhere.test' }], text: 'x' };
    const body = type === 'application/json' ? JSON.stringify(json) : plainMessage('hello@example.com', 'a@b.test');
    for (const path of ['/v1/messages?to=victim@elsewhere.test', '/v1/messages/batch']) {
      const url = `http://127.0.0.1:${mta.ports.api}${path}`;
      const headers = { 'content-type': type, 'x-forwarded-for': '127.0.0.1', ...(authorization && { authorization }) };
      expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(401);
    }
  });
});

describe('A05 somebody who may send', () => {
  test.each(RECIPIENTS.filter((it) => it !== 'Postmaster' && it.includes('@')))(
    'to %s reaches the domain behind the last @, or nobody',
    async (recipient) => {
      const client = await SmtpClient.open(mta.ports.submission);
      await client.startTls();
      await client.say(`AUTH PLAIN ${plain(mta.username, mta.password)}`);
      await client.say('MAIL FROM:<hello@example.com>');
      const said = await client.say(`RCPT TO:<${recipient}>`);
      client.close();
      expect(said).toMatch(isPlain(recipient) ? /^250 / : /^501 /);
    },
  );
});

/** One @, and a domain name behind it; '%' and '!' before it are letters like others. */
const isPlain = (recipient: string): boolean => /^[\w%.!]+@(?:[\w-]+\.)+[a-z]+$/i.test(recipient);

test('A05 of all of it nothing was queued, and nothing has left', async () => {
  const tried = RECIPIENTS.length * 2 + SENDERS.length * 3 + Object.keys(APPROACHES).length + 5 + 4 + 8;
  expect(tried).toBeGreaterThan(60);
  expect(await mta.metric('postfleet_accepted_total')).toBe(0);
  expect(mta.events()).toEqual([]);
  expect([sink.commands, sink.seen]).toEqual([[], []]);
});
