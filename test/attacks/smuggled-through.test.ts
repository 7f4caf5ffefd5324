/**
 * Smuggling through us, without a socket: whatever is taken, however it is cut, is one message for every receiver.
 */
import { describe, expect, test } from 'vitest';
import { stamp } from '#mta/accept/stamp.ts';
import { type StagePartner, codes, greeted, readyForData } from '#mta/accept/smtp/stage-partner.ts';
import { readHeader } from '#mta/mail/header.ts';
import { asData } from '#mta/send/content.ts';
import { HIDDEN, HONEST, SMUGGLED } from './sequences.ts';
import { KIND_NAMES, split } from '../harness/sinks.ts';

const HEAD = 'From: a@example.com\r\nSubject: a\r\n\r\n';
const ENVELOPE = 'MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mail.example>\r\n';
const SIGNATURE = Buffer.from('DKIM-Signature: v=1; a=rsa-sha256;\r\n b=\r\n');

/** What we write to the next host for a message that was taken. */
function wireOf(raw: string): string {
  const reading = readHeader(Buffer.from(raw, 'latin1'));
  if (reading.kind !== 'header') throw new Error(reading.problem);
  const stamped = stamp(reading.header, {
    id: '1',
    now: 0,
    date: 0,
    hostname: 'mail.example',
    domain: 'example.com',
    protocol: 'ESMTP',
    peer: { ehlo: 'client.example', address: '192.0.2.1' },
    recipients: ['b@mail.example'],
  });
  const { parts, end } = asData([SIGNATURE, stamped]);
  const content = Buffer.concat([...parts, end]);
  return `EHLO us\r\n${ENVELOPE}DATA\r\n${content.toString('latin1')}QUIT\r\n`;
}

/** Everybody sees these messages, no others, and no command that was none of ours. */
function everybodySees(partner: StagePartner): void {
  for (const { raw } of partner.accepted) {
    const wire = wireOf(raw);
    expect(wire).not.toMatch(/(?<!\r)\n|\r(?!\n)|\0/);
    for (const kind of KIND_NAMES) {
      const seen = split(kind, wire);
      expect([kind, seen.messages.length]).toEqual([kind, 1]);
      expect(seen.commands.map((it) => it.slice(0, 4))).toEqual(['EHLO', 'MAIL', 'RCPT', 'DATA', 'QUIT']);
    }
  }
}

const named = (sequences: readonly string[]) => sequences.map((it) => [JSON.stringify(it), it] as const);

/** What is said to `text` cut in two at every place, and what was taken. */
async function* cutInTwo(text: string): AsyncGenerator<{ readonly said: string; readonly partner: StagePartner }> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at <= bytes.length; at += 1) {
    const partner = await readyForData();
    const said = (await partner.send(bytes.subarray(0, at))) + (await partner.send(bytes.subarray(at)));
    yield { said, partner };
  }
}

describe('A01 through us, in DATA', () => {
  test.each(named(SMUGGLED))('%s is refused', async (_, sequence) => {
    for await (const { said, partner } of cutInTwo(`${HEAD}text${sequence}${HIDDEN}`))
      expect([codes(said)[0], partner.accepted]).toEqual([550, []]);
  });

  test.each(named(HONEST))('%s is one message, up to what ends it for everybody', async (_, sequence) => {
    const text = `${HEAD}text${sequence}${HIDDEN}`;
    const whole = text.slice(0, text.indexOf('\r\n.\r\n') + 2).replaceAll(/^\./gm, '');
    for await (const { partner } of cutInTwo(text)) {
      expect(partner.accepted[0]?.raw).toBe(whole);
      everybodySees(partner);
    }
  });
});

describe('A01 through us, in chunks', () => {
  test.each(named([...SMUGGLED, ...HONEST]))(
    '%s is refused, or one message with all that was sent',
    async (_, sequence) => {
      const content = `${HEAD}text${sequence}${HIDDEN}`;
      const isSmuggled = SMUGGLED.some((it) => it === sequence);
      for (let at = 0; at <= content.length; at += 1) {
        const partner = await greeted();
        const chunks = `BDAT ${at}\r\n${content.slice(0, at)}BDAT ${content.length - at} LAST\r\n${content.slice(at)}`;
        const bytes = Buffer.from(ENVELOPE + chunks, 'latin1');
        const middle = (at * 7) % bytes.length;
        await partner.send(bytes.subarray(0, middle));
        await partner.send(bytes.subarray(middle));
        expect(partner.accepted.map(({ raw }) => raw)).toEqual(isSmuggled ? [] : [content]);
        everybodySees(partner);
      }
    },
  );
});

test('A01 the lax receivers are lax: what we refuse would be two messages for one of them', () => {
  const fooled = SMUGGLED.filter((sequence) => {
    const wire = `EHLO us\r\n${ENVELOPE}DATA\r\n${HEAD}text${sequence}${HIDDEN}`;
    return KIND_NAMES.some((kind) => split(kind, wire).messages.length > 1);
  });
  expect(fooled.map((it) => JSON.stringify(it))).toEqual(SMUGGLED.map((it) => JSON.stringify(it)));
});
