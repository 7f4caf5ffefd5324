import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reply } from '#mta/mail/reply.ts';
import { StagePartner, codes, greeted, readyForData } from './stage-partner.ts';
import { runs } from '../../../test/harness/runs.ts';

describe('A03 commands injected before TLS', () => {
  it('end the connection when they come with STARTTLS', async () => {
    const partner = await greeted({ canSecure: true });
    expect(codes(await partner.send('STARTTLS\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n'))).toEqual([554]);
    expect(partner).toMatchObject({ isClosed: true, isSecuring: false });
  });

  it('are forgotten when they come before the handshake', async () => {
    const partner = await greeted({ canSecure: true });
    await partner.send('STARTTLS\r\n');
    expect(await partner.send('EHLO evil.example\r\nMAIL FROM:<a@b.example>\r\n')).toBe('');
    partner.secure();
    expect(codes(await partner.send('RCPT TO:<c@mail.example>\r\n'))).toEqual([503]);
  });
});

describe('a message', () => {
  it('reaches the policy with its envelope and what is known of the peer', async () => {
    const partner = await greeted({ trusted: 'network' });
    await partner.send('MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<B@Mail.Example>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n');
    await partner.send('A: b\r\n\r\n..x\r\n.\r\n');
    expect(partner.accepted).toEqual([
      {
        identity: 'network',
        peer: {
          address: '192.0.2.1',
          port: 40_000,
          listener: 'test',
          tls: undefined,
          ehlo: 'client.example',
          esmtp: true,
        },
        envelope: { sender: '', recipients: ['B@mail.example', 'postmaster@mail.example'], body: '8BITMIME' },
        raw: 'A: b\r\n\r\n.x\r\n',
      },
    ]);
  });

  it('has addresses in UTF-8 when MAIL said so, their domains as A-labels', async () => {
    const partner = await greeted();
    await partner.send(Buffer.from('MAIL FROM:<ä@bücher.example> SMTPUTF8\r\nRCPT TO:<李@b.example>\r\nDATA\r\n'));
    await partner.send('A: b\r\n\r\n.\r\n');
    expect(partner.accepted[0]?.envelope).toEqual({
      sender: 'ä@xn--bcher-kva.example',
      recipients: ['李@b.example'],
      body: '7BIT',
      smtpUtf8: true,
    });
  });

  it('carries what is asked about reports, for each recipient', async () => {
    const partner = await greeted();
    const asks = [
      ['MAIL FROM:<a@b.example> RET=FULL', 'RCPT TO:<b@c.example>', 'RCPT TO:<nobody@c.example> NOTIFY=DELAY'],
      ['MAIL FROM:<a@b.example>', 'RCPT TO:<b@c.example>', 'RCPT TO:<c@c.example> NOTIFY=NEVER'],
      ['MAIL FROM:<a@b.example>', 'RCPT TO:<b@c.example>'],
    ];
    for (const lines of asks) {
      await partner.send(`${lines.join('\r\n')}\r\nDATA\r\n`);
      await partner.send('A: b\r\n\r\n.\r\n');
    }
    expect(partner.accepted.map(({ envelope }) => envelope.dsn)).toEqual([
      { ret: 'FULL', recipients: [{}] },
      { recipients: [{}, { notify: ['NEVER'] }] },
      undefined,
    ]);
  });

  it('gives its memory back when it is answered, refused or abandoned', async () => {
    for (const end of ['x\r\n.\r\n', 'x\n\r\n.\r\n', 'x\r\n'.repeat(50)]) {
      const partner = await readyForData();
      await partner.send(end);
      partner.conversation.abandon();
      expect(partner.memory.used).toBe(0);
    }
  });

  it('holds its memory until the policy has answered', async () => {
    const asked = Promise.withResolvers<ReturnType<typeof reply>>();
    const partner = await readyForData({ policy: { accept: () => asked.promise } });
    partner.conversation.receive(Buffer.from('A: b\r\n\r\nx\r\n.\r\nNOOP\r\n'));
    expect(partner.said).toBe('');
    expect(partner.memory.used).toBeGreaterThan(0);
    asked.resolve(reply(250, '2.0.0', 'Queued'));
    expect(codes(await partner.heard())).toEqual([250, 250]);
    expect(partner.memory.used).toBe(0);
  });

  it('is put off at DATA while memory is short', async () => {
    const partner = await greeted({ limits: { receivingBytes: 1000 } });
    expect(codes(await partner.send('MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nDATA\r\n'))).toEqual([250, 250, 452]);
  });

  it('of any size over the limit is read at flat memory and refused', async () => {
    const partner = await readyForData({ limits: { messageBytes: 100_000 } });
    for (let megabytes = 0; megabytes < 10; megabytes += 1) {
      await partner.send(Buffer.alloc(1_000_000, 'x\r\n'));
      expect(partner.memory.used).toBe(0);
    }
    expect(codes(await partner.send('\r\n.\r\n'))).toEqual([552]);
  });

  it('in chunks gives its memory back when it is reset, refused or abandoned', async () => {
    for (const end of ['RSET\r\n', 'EHLO a\r\n', 'BDAT 1\r\n\n', 'BDAT 2 LAST\r\n\r\n', 'BDAT 9\r\nx', '']) {
      const partner = await greeted();
      await partner.send(`MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nBDAT 2000\r\n${'x\r\n\r\n'.repeat(400)}`);
      expect(partner.memory.used).toBeGreaterThan(0);
      await partner.send(end);
      if (end === '' || end.endsWith('x')) partner.conversation.abandon();
      expect(partner.memory.used).toBe(0);
    }
  });

  it('in chunks is put off while memory is short, and its bytes are no commands', async () => {
    const partner = await greeted({ limits: { receivingBytes: 1000 } });
    const said = await partner.send('MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n');
    expect(codes(said)).toEqual([250, 250, 452, 250]);
  });

  it('in chunks over the limit is read at flat memory and refused', async () => {
    const partner = await greeted({ limits: { messageBytes: 100_000 } });
    await partner.send('MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nBDAT 10000000 LAST\r\n');
    for (let megabytes = 0; megabytes < 10; megabytes += 1) {
      expect(partner.conversation.waitingFor).toBe('data');
      const said = await partner.send(Buffer.alloc(1_000_000, 'x\r\n'));
      expect(codes(said)).toEqual(megabytes < 9 ? [] : [552]);
      expect(partner.memory.used).toBe(0);
    }
  });

  it('A07 in chunks of one octet ends with 421 before long, in chunks of some size it does not', async () => {
    const partner = await greeted();
    const envelope = 'MAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\n';
    const said = await partner.send(envelope + 'BDAT 1\r\nx'.repeat(1_000_000));
    expect(codes(said).slice(-2)).toEqual([250, 421]);
    expect(codes(said).length).toBeLessThan(110);
    expect(partner).toMatchObject({ isClosed: true, memory: { used: 0 } });

    const line = `${'x'.repeat(78)}\r\n`.repeat(13).slice(-1024);
    const other = await greeted();
    const chunks = `BDAT 4\r\n\r\n\r\n${`BDAT 1024\r\n${line}`.repeat(500)}BDAT 0 LAST\r\n`;
    expect(codes(await other.send(envelope + chunks)).every((code) => code === 250)).toBe(true);
    expect(other.accepted[0]?.raw.length).toBe(4 + 500 * 1024);
  });

  it('cut off by the peer is never accepted', async () => {
    const partner = await readyForData();
    await partner.send('A: b\r\n\r\nx\r\n');
    partner.conversation.ended();
    expect(partner).toMatchObject({ isClosed: true, accepted: [], said: '' });
  });
});

describe('A20 what a policy does wrong', () => {
  it.each<[string, number, string]>([
    ['accept', 451, 'MAIL FROM:<crash@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n'],
    ['mail', 421, 'MAIL FROM:<a@b.example>\r\n'],
    ['rcpt', 421, 'MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n'],
    ['trust', 250, 'NOOP\r\n'],
  ])('in %s is answered and told', async (member, expected, burst) => {
    const failures: unknown[] = [];
    const fail = (): never => {
      throw new Error('a bug');
    };
    const policy = member === 'accept' ? {} : { [member]: fail };
    const partner = await greeted({ policy, observer: { failed: (_listener, error) => failures.push(error) } });
    let said = await partner.send(burst);
    if (codes(said).at(-1) === 354) said = await partner.send('x\r\n.\r\n');
    expect(codes(said).at(-1)).toBe(expected);
    expect(failures).toMatchObject([{ message: 'a bug' }]);
  });

  it('in the text of a reply cannot make another reply', async () => {
    const partner = await greeted();
    await partner.send('MAIL FROM:<reject@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n');
    expect(await partner.send('x\r\n.\r\n')).toBe('554-5.7.1 Not?\r\n554 5.7.1 welcome\r\n');
  });
});

describe('A17 a login that nobody looked at', () => {
  const login = (name: string): string => `AUTH PLAIN ${Buffer.from(`\0${name}\0x`).toString('base64')}\r\n`;
  const secured = async () => {
    const partner = new StagePartner({ authRequired: true, canSecure: true });
    partner.conversation.begin('TLSv1.3 TEST');
    await partner.send('EHLO client.example\r\n');
    return partner;
  };

  it('because too many failed ends the connection', async () => {
    const partner = await secured();
    expect(await partner.send(login('locked'))).toMatch(/^421 4\.7\.0 Too many failed logins/);
    expect(partner.isClosed).toBe(true);
  });

  it('because too many wait is put off, and is no failure', async () => {
    const partner = await secured();
    for (let count = 0; count < 5; count += 1) expect(codes(await partner.send(login('busy')))).toEqual([454]);
    expect(codes(await partner.send(login('user')))).toEqual([535]);
  });
});

describe('whatever bytes come', () => {
  const bytes = fc.constantFrom(
    'EHLO a',
    'MAIL FROM:<a@b.example>',
    'RCPT TO:<c@d.example>',
    'DATA',
    'BDAT 4\r\n',
    'BDAT 3 LAST\r\n',
    'RSET',
    '\r\n',
    '\r\n',
    '\r\n',
    '\r\n.\r\n',
    '.',
    '\n',
    '\r',
    '\0',
    'EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n',
    'x',
  );
  it('nothing throws, every message had its 354 or its last chunk and its one answer, and no memory is kept', async () => {
    let messages = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 60, size: 'max' }), async (bursts) => {
        const failures: unknown[] = [];
        const partner = new StagePartner({ observer: { failed: (_listener, error) => failures.push(error) } });
        partner.conversation.begin();
        let said = '';
        for (const burst of bursts) said += await partner.send(burst);
        partner.conversation.abandon();
        const lasts = bursts.filter((burst) => burst.includes('LAST')).length;
        const invited = codes(said).filter((code) => code === 354).length + lasts;
        const queued = [...said.matchAll(/Queued as/g)].length;
        messages += queued;
        expect(failures).toEqual([]);
        expect(partner.accepted.length).toBe(queued);
        expect(queued).toBeLessThanOrEqual(invited);
        expect(partner.memory.used).toBe(0);
      }),
      { numRuns: runs(500) },
    );
    expect(messages).toBeGreaterThan(runs(20));
  });
});

describe('a conversation', () => {
  it('answers one burst in one send', async () => {
    const partner = new StagePartner();
    const sent: string[] = [];
    Object.defineProperty(partner, 'said', {
      set(text: string) {
        sent.push(text);
      },
      get: () => '',
    });
    partner.conversation.begin();
    partner.conversation.receive(Buffer.from('EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n'));
    expect(sent.map((text) => codes(text))).toEqual([[220], [250, 250, 250, 354]]);
  });

  it('answers what a peer sent before it closed its side', async () => {
    const partner = await greeted();
    partner.conversation.receive(Buffer.from('NOOP\r\n'));
    partner.conversation.ended();
    expect(codes(partner.said)).toEqual([250]);
    expect(partner.isClosed).toBe(true);
  });

  it('tells the observer subjects and codes from a bounded set', async () => {
    const told: string[] = [];
    const partner = await greeted({
      observer: { replied: (_listener, subject, code) => told.push(`${subject} ${code}`) },
    });
    await partner.send('XEVIL 1\r\n__proto__\r\nMAIL FROM:<x>\r\nQUIT\r\n');
    expect(told).toEqual(['connection 220', 'EHLO 250', 'unknown 500', 'unknown 500', 'MAIL 501', 'QUIT 221']);
  });

  it('with a familiar peer does not end for errors and idle talk, with another it does', async () => {
    const talk = 'NOOP\r\nMAIL FROM:<x>\r\n'.repeat(200);
    const familiar = await greeted({ isFamiliar: true });
    expect(codes(await familiar.send(talk))).toHaveLength(400);
    const stranger = await greeted();
    expect(codes(await stranger.send(talk)).at(-1)).toBe(421);
  });

  it('says 421 when time is up', async () => {
    const partner = await readyForData();
    partner.conversation.timedOut();
    expect(codes(partner.said)).toEqual([421]);
    expect(partner.isClosed).toBe(true);
  });
});
