import { describe, expect, it } from 'vitest';
import { HIDDEN, SMUGGLED } from '../../../test/attacks/sequences.ts';
import { codes, greeted, readyForData } from './stage-partner.ts';

describe('A01 smuggling', () => {
  it.each(SMUGGLED.map((sequence) => [JSON.stringify(sequence), sequence]))(
    'by %s ends in one refusal, however it is cut',
    async (_, sequence) => {
      const attack = Buffer.from(`Subject: a\r\n\r\nbody${sequence}${HIDDEN}`);
      for (let at = 0; at <= attack.length; at += 1) {
        const partner = await readyForData();
        const first = await partner.send(attack.subarray(0, at));
        const said = first + (await partner.send(attack.subarray(at)));
        expect(codes(said)[0]).toBe(550);
        expect(partner.accepted).toEqual([]);
      }
    },
  );

  it('by a sequence at a cut in three leaves the dialogue in step', async () => {
    for (const sequence of SMUGGLED) {
      const attack = Buffer.from(`Subject: a\r\n\r\nbody${sequence}x\r\n.\r\n`);
      for (let at = 1; at < attack.length; at += 1)
        for (let next = at; next < attack.length; next += 1) {
          const partner = await readyForData();
          const pieces = [attack.subarray(0, at), attack.subarray(at, next), attack.subarray(next)];
          let said = '';
          for (const piece of pieces) said += await partner.send(piece);
          expect(codes(said + (await partner.send('NOOP\r\n')))).toEqual([550, 250]);
        }
    }
  });

  it('through BDAT ends in one refusal, wherever chunks and bursts are cut', async () => {
    for (const sequence of SMUGGLED) {
      const attack = `Subject: a\r\n\r\nbody${sequence}${HIDDEN}`;
      for (let at = 0; at <= attack.length; at += 1) {
        const partner = await greeted();
        const first = `MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mail.example>\r\nBDAT ${at}\r\n${attack.slice(0, at)}`;
        const last = `BDAT ${attack.length - at} LAST\r\n${attack.slice(at)}`;
        const split = (at * 7) % (first.length + last.length);
        const bytes = first + last;
        const said = (await partner.send(bytes.slice(0, split))) + (await partner.send(bytes.slice(split)));
        expect([
          [250, 250, 250, 550],
          [250, 250, 550, 503],
        ]).toContainEqual(codes(said));
        expect(codes(await partner.send('NOOP\r\nMAIL FROM:<a@client.example>\r\n'))).toEqual([250, 250]);
        expect(partner.accepted).toEqual([]);
      }
    }
  });

  it('through BDAT by what ends DATA is no end: it stays in the message', async () => {
    const partner = await greeted();
    const content = `Subject: a\r\n\r\nbody\r\n.\r\n${HIDDEN}`;
    const envelope = 'MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mail.example>\r\n';
    const said = await partner.send(`${envelope}BDAT ${content.length} LAST\r\n${content}`);
    expect(codes(said)).toEqual([250, 250, 250]);
    expect(partner.accepted.map(({ raw }) => raw)).toEqual([content]);
  });

  it('by sending the message with DATA ends the connection', async () => {
    const partner = await greeted();
    const said = await partner.send(`MAIL FROM:<a@b.example>\r\nRCPT TO:<c@mail.example>\r\nDATA\r\n.\r\n${HIDDEN}`);
    expect(codes(said)).toEqual([250, 250, 554]);
    expect(partner).toMatchObject({ isClosed: true, accepted: [] });
  });
});
