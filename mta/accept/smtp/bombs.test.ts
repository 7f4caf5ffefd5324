/**
 * Too much of everything, and characters where none belong: said once, at flat memory, and the peer goes on or goes.
 */
import { describe, expect, it } from 'vitest';
import { type StagePartner, codes, greeted, readyForData } from './stage-partner.ts';

/** Sends `total` bytes of `pattern` over and over; what was said meanwhile. */
async function flood(partner: StagePartner, pattern: string, total: number): Promise<string> {
  const burst = Buffer.alloc(1_000_000 - (1_000_000 % pattern.length), pattern);
  let said = '';
  for (let sent = 0; sent < total; sent += burst.length) said += await partner.send(burst);
  return said;
}

describe('A08 what is sent before its time', () => {
  it.each([
    ['behind DATA: a message', 'DATA\r\nSubject: a\r\n\r\nx\r\n.\r\n'],
    ['behind DATA: a command', 'DATA\r\nNOOP\r\n'],
    ['behind DATA: half a line', 'DATA\r\nx'],
    ['behind STARTTLS', 'STARTTLS\r\nEHLO a\r\n'],
  ])('%s: the connection ends, nothing of it is read', async (_, burst) => {
    const partner = await greeted({ canSecure: true });
    await partner.send('MAIL FROM:<a@b.example>\r\nRCPT TO:<c@mail.example>\r\n');
    expect(codes(await partner.send(burst))).toEqual([554]);
    expect(partner).toMatchObject({ isClosed: true, isSecuring: false, accepted: [] });
  });
});

describe('A09 what has no line end', () => {
  it.each([
    ['a command', ''],
    ['EHLO', 'EHLO '],
    ['AUTH', 'AUTH PLAIN '],
    ['an answer to AUTH', 'AUTH LOGIN\r\n'],
  ])('%s: a hundred megabytes are told once, and what comes after the next line end is read', async (_, start) => {
    const partner = await greeted({ authRequired: true, canSecure: true });
    await partner.send('STARTTLS\r\n');
    partner.secure();
    await partner.send('EHLO a\r\n');
    const said = (await partner.send(start)) + (await flood(partner, 'x', 100_000_000));
    expect(codes(said).filter((code) => code !== 334)).toEqual([500]);
    expect(codes(await partner.send('\r\nNOOP\r\n'))).toEqual([250]);
  });

  it('a line of a message: it is refused at its end, and nothing of it is kept', async () => {
    const partner = await readyForData();
    expect(await flood(partner, 'x', 100_000_000)).toBe('');
    expect(partner.memory.used).toBe(0);
    expect(await partner.send('\r\n.\r\n')).toMatch(/^552 5\.3\.4 /);
  });
});

describe('A10 a header that never ends', () => {
  it.each([
    ['a million fields', 'A: b\r\n', 6_000_000],
    ['a hundred megabytes', `A: ${'x'.repeat(900)}\r\n`, 100_000_000],
    ['a hundred thousand folded lines', 'A: b\r\n c\r\n', 500_000],
    ['folded lines alone', ' x\r\n', 400_000],
  ])('%s: refused with 552, and nothing of it is kept', async (_, pattern, total) => {
    const partner = await readyForData();
    expect(await flood(partner, pattern, total)).toBe('');
    expect(partner.memory.used).toBe(0);
    expect(await partner.send('\r\nbody\r\n.\r\n')).toMatch(/^552 5\.3\.4 /);
    expect(partner.accepted).toEqual([]);
  });

  it('in chunks: refused with the first chunk that holds too much', async () => {
    const partner = await greeted();
    await partner.send('MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\n');
    const said = await partner.send(`BDAT 200000\r\n${'A: b\r\n'.repeat(33_333)}AA`);
    expect(said).toMatch(/^552 5\.3\.4 /);
    expect(partner.memory.used).toBe(0);
  });
});

it('A11 more recipients than a transaction takes are put off, and those that were taken stay', async () => {
  const partner = await greeted();
  await partner.send('MAIL FROM:<a@b.example>\r\n');
  const thousand = 'RCPT TO:<c@d.example>\r\n'.repeat(1000);
  expect(new Set(codes(await partner.send(thousand)))).toEqual(new Set([250]));
  for (let more = 0; more < 10; more += 1)
    expect(await partner.send(thousand)).toMatch(/^(?:452 4\.5\.3 [^\n]*\n){1000}$/);
  expect(codes(await partner.send('DATA\r\n'))).toEqual([354]);
  expect(codes(await partner.send('x\r\n.\r\n'))).toEqual([250]);
  expect(partner.accepted[0]?.envelope.recipients).toHaveLength(1000);
});

const CONTROLS = ['\0', '\t', '\r', '\n', '\x1b', '\x7f', '\u0085', '\u009b', '\u2028', '\u2029'];

describe('A15 a control character', () => {
  it.each(CONTROLS.map((control) => [JSON.stringify(control), control]))(
    '%s is refused in a name, a path, a parameter and a login',
    async (_, control) => {
      for (const line of [
        `EHLO a${control}b`,
        `HELO ${control}`,
        `MAIL FROM:<a${control}@b.example> SMTPUTF8`,
        `MAIL FROM:<"a${control}"@b.example> SMTPUTF8`,
        `MAIL FROM:<a@b${control}.example> SMTPUTF8`,
        `MAIL FROM:<a@b.example> SIZE=1${control}`,
        `MAIL FROM:<a@b.example> ENVID=a${control}`,
        `VRFY a${control}`,
        `AUTH PLAIN ${Buffer.from(`\0us${control}er\0secret`).toString('base64')}`,
        `AUTH ${control}`,
      ]) {
        const partner = await greeted({ authRequired: true, canSecure: true });
        await partner.send('STARTTLS\r\n');
        partner.secure();
        await partner.send('EHLO a\r\n');
        const [code = 0] = codes(await partner.send(Buffer.from(`${line}\r\n`)));
        expect([500, 501, 553].map((allowed) => `${line}: ${allowed}`)).toContain(`${line}: ${code}`);
      }
    },
  );

  it.each(CONTROLS.map((control) => [JSON.stringify(control), control]))(
    '%s is refused in a recipient, and the others stay',
    async (_, control) => {
      const partner = await greeted();
      await partner.send('MAIL FROM:<a@b.example> SMTPUTF8\r\nRCPT TO:<first@d.example>\r\n');
      for (const path of [`<a${control}@d.example>`, `<"a${control}"@d.example>`, `<a@d.example${control}>`]) {
        const [code = 0] = codes(await partner.send(Buffer.from(`RCPT TO:${path}\r\n`)));
        expect([500, 501, 553]).toContain(code);
      }
      expect(codes(await partner.send('DATA\r\n'))).toEqual([354]);
      await partner.send('x\r\n.\r\n');
      expect(partner.accepted[0]?.envelope.recipients).toEqual(['first@d.example']);
    },
  );
});

describe('A16 other letters than ASCII without SMTPUTF8', () => {
  it.each(['MAIL FROM:<ä@b.example>', 'RCPT TO:<ä@d.example>', 'RCPT TO:<a@ä.example>', 'VRFY ä'])(
    'in %s are refused with 553 5.6.7, and nothing else changes',
    async (line) => {
      const partner = await greeted();
      if (line.startsWith('RCPT')) await partner.send('MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n');
      expect(await partner.send(Buffer.from(`${line}\r\n`))).toMatch(/^553 5\.6\.7 /);
      if (!line.startsWith('RCPT')) await partner.send('MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n');
      await partner.send('DATA\r\n');
      expect(codes(await partner.send('x\r\n.\r\n'))).toEqual([250]);
      expect(partner.accepted[0]?.envelope.recipients).toEqual(['c@d.example']);
    },
  );

  it('that are no UTF-8 are refused with it, too', async () => {
    const partner = await greeted();
    expect(await partner.send('MAIL FROM:<\xe4@b.example> SMTPUTF8\r\n')).toMatch(/^553 5\.6\.7 /);
  });
});

it('A14 names that every object has are names like others', async () => {
  const own = Reflect.ownKeys(Object.prototype);
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    const partner = await greeted();
    const raw = `${name}: x\r\n\r\n${name}\r\n`;
    await partner.send(
      `EHLO ${name}\r\nMAIL FROM:<${name}@b.example>\r\nRCPT TO:<${name}@${name.replaceAll('_', '')}.example>\r\n`,
    );
    expect(codes(await partner.send(`${name}\r\n`))).toEqual([500]);
    expect(codes(await partner.send(`RCPT TO:<a@b.example> ${name}=x\r\n`))[0]).toBeGreaterThanOrEqual(501);
    await partner.send('DATA\r\n');
    expect(codes(await partner.send(`${raw}.\r\n`))).toEqual([250]);
    expect(partner.accepted[0]).toMatchObject({ raw, peer: { ehlo: name }, envelope: { sender: `${name}@b.example` } });
  }
  expect(Reflect.ownKeys(Object.prototype)).toEqual(own);
});
