/**
 * Smuggling through us, on real wires: what is taken leaves as one message for a strict receiver and for four lax ones.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { freePorts } from '../harness/ports.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { KIND_NAMES, Sink } from '../harness/sinks.ts';
import { SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';
import { HIDDEN, HONEST, SMUGGLED } from './sequences.ts';

const scene = openScene();
let mta: Postfleet;
const sinks: Sink[] = [];

const recipients = KIND_NAMES.map((_, at) => `you@sink${at}.test`);

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  const ports = await freePorts(KIND_NAMES.length);
  for (const [at, kind] of KIND_NAMES.entries()) {
    const port = ports[at] ?? 0;
    sinks.push(scene.adopt(await Sink.listen(kind, port)));
    config.write(`6-sink${at}.yaml`, policyFor(at, port));
  }
  mta = await Postfleet.start(scene, config);
});

const policyFor = (at: number, port: number): string => `
apiVersion: postfleet.io/v1alpha1
kind: DestinationPolicy
metadata: { name: sink${at} }
spec:
  clusterRef: { name: local }
  match: { domains: [sink${at}.test] }
  routes: [{ host: 127.0.0.1, port: ${port} }]
`;

let count = 0;

/** A message with a mark to find it by. */
function marked(body: string): { readonly mark: string; readonly raw: string } {
  const mark = `mark-${(count += 1)}-`;
  return { mark, raw: `From: a@example.com\r\nSubject: ${mark}\r\n\r\n${body}` };
}

/** How many messages each sink has whose header holds the mark, once all have one. */
async function seenBySinks(mark: string): Promise<number[]> {
  const counted = (): number[] => sinks.map((sink) => sink.messages.filter((it) => it.includes(mark)).length);
  await until(`${mark} at every sink`, () => counted().every((it) => it > 0), 20_000);
  return counted();
}

async function begun(parameters = ''): Promise<SmtpClient> {
  const client = await SmtpClient.open(mta.ports.submission);
  expect(await client.say(`MAIL FROM:<a@example.com>${parameters}`)).toMatch(/^250 /);
  for (const recipient of recipients) expect(await client.say(`RCPT TO:<${recipient}>`)).toMatch(/^250 /);
  return client;
}

/** In two pieces, the second when the first has left. */
async function inTwo(client: SmtpClient, bytes: string, at: number): Promise<void> {
  client.write(Buffer.from(bytes.slice(0, at), 'latin1'));
  await new Promise<void>((resolve) => setTimeout(resolve, 2));
  client.write(Buffer.from(bytes.slice(at), 'latin1'));
}

describe('A01 what nobody agrees about', () => {
  test.each(SMUGGLED.map((it) => [JSON.stringify(it), it]))(
    '%s in DATA is refused, wherever it is cut',
    async (_, it) => {
      const { raw } = marked(`text${it}`);
      for (let at = 0; at <= it.length + 1; at += 1) {
        const client = await begun();
        expect(await client.say('DATA')).toMatch(/^354 /);
        await inTwo(client, `${raw}${HIDDEN}`, raw.length - it.length + at);
        expect(await client.reply()).toMatch(/^550 5\.6\.(?:0|11) /);
        client.close();
      }
    },
  );

  test.each(SMUGGLED.map((it) => [JSON.stringify(it), it]))(
    '%s in chunks is refused, wherever it is cut',
    async (_, it) => {
      const { raw } = marked(`text${it}`);
      const whole = `${raw}${HIDDEN}`;
      for (let at = raw.length - it.length - 1; at <= raw.length + 1; at += 1) {
        const client = await begun();
        client.write(Buffer.from(`BDAT ${at}\r\n${whole.slice(0, at)}`, 'latin1'));
        const first = await client.reply();
        expect(first).toMatch(/^(?:250 |550 5\.6\.(?:0|11) )/);
        client.write(Buffer.from(`BDAT ${whole.length - at} LAST\r\n${whole.slice(at)}`, 'latin1'));
        expect(await client.reply()).toMatch(first.startsWith('250') ? /^550 5\.6\.(?:0|11) / : /^503 /);
        client.close();
      }
    },
  );
});

describe('A02 what is taken leaves as one message for everybody', () => {
  test.each(HONEST.map((it) => [JSON.stringify(it), it]))('%s in DATA', async (_, it) => {
    const { mark, raw } = marked(`text\r\n${it}\r\nend\r\n`);
    const client = await begun(' BODY=8BITMIME');
    await client.say('DATA');
    client.write(Buffer.from(raw.replaceAll(/^\./gm, '..'), 'latin1'));
    expect(await client.say('.')).toMatch(/^250 /);
    expect(await seenBySinks(mark)).toEqual(recipients.map(() => 1));
  });

  test.each(HONEST.map((it) => [JSON.stringify(it), it]))(
    '%s in chunks, and a transaction behind it',
    async (_, it) => {
      const { mark, raw } = marked(`text${it}${HIDDEN}${it}`);
      const client = await begun(' BODY=8BITMIME');
      const at = raw.indexOf(HIDDEN);
      client.write(Buffer.from(`BDAT ${at}\r\n${raw.slice(0, at)}`, 'latin1'));
      expect(await client.reply()).toMatch(/^250 /);
      client.write(Buffer.from(`BDAT ${raw.length - at} LAST\r\n${raw.slice(at)}`, 'latin1'));
      expect(await client.reply()).toMatch(/^250 /);
      expect(await seenBySinks(mark)).toEqual(recipients.map(() => 1));
    },
  );

  test.each([...SMUGGLED, ...HONEST].map((it) => [JSON.stringify(it), it]))('%s by HTTP as text', async (_, it) => {
    const mark = `mark-${(count += 1)}-`;
    const message = {
      from: { address: 'a@example.com' },
      to: recipients.map((address) => ({ address })),
      subject: mark,
      text: `text${it.replaceAll('\0', '')}${HIDDEN}`,
    };
    expect(await post('/v1/messages', 'application/json', JSON.stringify(message))).toBe(202);
    expect(await seenBySinks(mark)).toEqual(recipients.map(() => 1));
  });

  test.each(HONEST.map((it) => [JSON.stringify(it), it]))('%s by HTTP as it is', async (_, it) => {
    const { mark, raw } = marked(`text${it}${HIDDEN}`);
    const query = recipients.map((to) => `to=${to}`).join('&');
    expect(await post(`/v1/messages?${query}`, 'message/rfc822', raw)).toBe(202);
    expect(await seenBySinks(mark)).toEqual(recipients.map(() => 1));
  });

  test.each(SMUGGLED.map((it) => [JSON.stringify(it), it]))('%s by HTTP as it is, is refused', async (_, it) => {
    const { raw } = marked(`text${it}${HIDDEN}`);
    expect(await post('/v1/messages?to=you@sink0.test', 'message/rfc822', raw)).toBe(422);
  });
});

async function post(path: string, type: string, body: string): Promise<number> {
  const token = readFileSync(join(mta.data, 'secrets', mta.username, 'token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': type };
  return (await fetch(`http://127.0.0.1:${mta.ports.api}${path}`, { method: 'POST', body, headers })).status;
}

test('A02 on the wire every line ends with CRLF, and nobody saw a command that was hidden in a message', () => {
  const wires = sinks.flatMap((sink) => sink.wires);
  expect(wires.length).toBeGreaterThan(4);
  for (const wire of wires) expect(wire).not.toMatch(/(?<!\r)\n|\r(?!\n)|\0/);
  for (const sink of sinks) {
    expect(sink.commands.filter((it) => /evil|victim/.test(it))).toEqual([]);
    const mails = sink.commands.filter((it) => it.startsWith('MAIL'));
    expect(mails).toHaveLength(sink.messages.length);
  }
  expect(mta.events().filter((it) => /victim/.test(it.recipient ?? ''))).toEqual([]);
});
