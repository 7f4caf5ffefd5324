import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Header, fieldsNamed, fieldValue, readHeader } from '../mail/header.ts';
import { stamp, type StampContext } from './stamp.ts';

const CONTEXT: StampContext = {
  id: '01m804kbq61h2td7vkqgy132c2',
  now: Date.UTC(2026, 0, 1, 12, 34, 56),
  date: Date.UTC(2026, 0, 2),
  hostname: 'mail.example.net',
  domain: 'example.com',
  protocol: 'ESMTPSA',
  peer: { ehlo: 'client.example', address: '192.0.2.7', tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384' },
  recipients: ['b@dest.test'],
};
const WHOLE = 'Date: Wed, 31 Dec 2025 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nFrom: a@example.com\r\n';

function headerOf(raw: string | Buffer): Header {
  const reading = readHeader(Buffer.from(raw));
  if (reading.kind !== 'header') throw new Error(reading.problem);
  return reading.header;
}

const stamped = (raw: string | Buffer, over: Partial<StampContext> = {}): Buffer =>
  stamp(headerOf(raw), { ...CONTEXT, ...over });

/** What follows our Received field. */
function kept(raw: Buffer): string {
  const header = headerOf(raw);
  return raw.toString('latin1', header.fields[0]?.end);
}

const peerWith = (ehlo: string) => ({ peer: { ehlo, address: '192.0.2.7' } });

describe('our mark', () => {
  test('is a Received field in front that says from whom, by whom, how, for whom and when', () => {
    expect(stamped(`${WHOLE}\r\nbody\r\n`).toString()).toBe(
      'Received: from client.example ([192.0.2.7]) (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n' +
        '\tby mail.example.net (Postfleet) with ESMTPSA id 01m804kbq61h2td7vkqgy132c2\r\n' +
        '\tfor <b@dest.test>;\r\n\tThu, 01 Jan 2026 12:34:56 +0000\r\n' +
        `${WHOLE}\r\nbody\r\n`,
    );
  });

  test('says nothing of TLS in clear, and unknown for a peer without a name', () => {
    const [line = ''] = stamped(WHOLE, peerWith('')).toString().split('\r\n');
    expect(line).toBe('Received: from unknown ([192.0.2.7])');
  });

  test.each([
    [['b@dest.test', 'c@dest.test'], false],
    [['b@dest.test'], true],
    [[], false],
  ])('never tells several recipients of one another: %j', (recipients, want) => {
    expect(stamped(WHOLE, { recipients }).includes('for <')).toBe(want);
  });

  test('cannot be written by the peer through the name it gives itself', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const ehlo = Buffer.from(bytes).toString('latin1');
        const header = headerOf(stamped(`${WHOLE}\r\n`, peerWith(ehlo)));
        expect(header.fields.map((it) => it.name)).toEqual(['received', 'date', 'message-id', 'from']);
        const [line = ''] = header.raw.toString('latin1').split('\r\n');
        expect(line).toMatch(/^Received: from [A-Za-z0-9.:_-]{1,255} \(\[192\.0\.2\.7\]\)$/);
      }),
    );
  });

  test('A15 cannot be written by names made to end the line or the comment', () => {
    for (const ehlo of ['x\r\nBcc: a@b', 'x\nFrom: b', 'x (trusted [10.0.0.1])', 'x by bank.example; ', '\u2028x']) {
      const header = headerOf(stamped(WHOLE, peerWith(ehlo)));
      expect(header.fields).toHaveLength(4);
      expect(header.fields[0] && fieldValue(header, header.fields[0])).toContain('([192.0.2.7])');
    }
  });
});

describe('what is missing', () => {
  test.each([
    ['Date', 'Message-ID: <1@x>\r\nFrom: a@b\r\n', 'Date: Fri, 02 Jan 2026 00:00:00 +0000\r\n'],
    ['Message-ID', 'Date: x\r\nFrom: a@b\r\n', 'Message-ID: <01m804kbq61h2td7vkqgy132c2@example.com>\r\n'],
  ])('is added: %s', (_, raw, want) => {
    expect(kept(stamped(raw))).toBe(want + raw);
  });

  test('is not added when it is there in any case of letters', () => {
    const raw = 'DATE: x\r\nmessage-id: <1@x>\r\nFrom: a@b\r\n';
    expect(kept(stamped(raw))).toBe(raw);
  });
});

describe('what must not be told', () => {
  const bcc = 'Bcc: c@dest.test,\r\n d@dest.test\r\n';
  test.each([
    ['first', `${bcc}${WHOLE}\r\nbody\r\n`],
    ['between', WHOLE.replace('From', `${bcc}From`).concat('\r\nbody\r\n')],
    ['last before the body', `${WHOLE}${bcc}\r\nbody\r\n`],
    ['several times, in any case', `bcc: x\r\nBCC: y\r\n${WHOLE}${bcc}bCC:\r\n\r\nbody\r\n`],
    ['with Return-Path', `Return-Path: <a@example.com>\r\n${WHOLE}Return-path:\r\n <x>\r\n\r\nbody\r\n`],
    ['said to us alone', `X-Postfleet-Tags: a,\r\n b\r\n${WHOLE}x-POSTFLEET-other: c\r\n\r\nbody\r\n`],
    ['of a message sent on', `Resent-Bcc: c@dest.test\r\n${WHOLE}\r\nbody\r\n`],
  ])('is removed, whole: %s', (_, raw) => {
    expect(kept(stamped(raw))).toBe(`${WHOLE}\r\nbody\r\n`);
  });

  test('is removed at the very end of a message that is all header', () => {
    expect(kept(stamped(`${WHOLE}${bcc}`))).toBe(WHOLE);
  });

  test('is left where it is no field: in the body, or as part of a name', () => {
    const raw = `${WHOLE}X-Bcc: 1\r\nBcc-Count: 2\r\nX-Postfleet: 3\r\n\r\nBcc: not a field\r\nReturn-Path: nor this\r\n`;
    expect(kept(stamped(raw))).toBe(raw);
  });
});

const name = fc.constantFrom('Bcc', 'BCC', 'Return-Path', 'Subject', 'X-A', 'To', 'Received', 'DKIM-Signature');
const text = fc.string({ unit: fc.constantFrom(' ', '\t', ':', 'a', '\u00e9', '\u0080', 'Z', '\r\n '), maxLength: 20 });
const field = fc.record({ name, text });

test('every other byte of header and body stays as it was', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), fc.uint8Array({ maxLength: 50 }), (fields, body) => {
      const write = (those: typeof fields): Buffer =>
        Buffer.concat([
          Buffer.from(those.map((it) => `${it.name}:${it.text}\r\n`).join('') + WHOLE, 'latin1'),
          Buffer.from('\r\n'),
          body,
          Buffer.from('\r\n'),
        ]);
      const raw = stamped(write(fields));
      const stays = fields.filter((it) => !/^(?:bcc|return-path)$/i.test(it.name));
      expect(kept(raw)).toBe(write(stays).toString('latin1'));
      expect(fieldsNamed(headerOf(raw), 'bcc')).toEqual([]);
    }),
  );
});
