import { afterEach, describe, expect, test } from 'vitest';
import { minutes, seconds, systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { connect, isConnectFailure } from './connect.ts';
import type { Mail } from './envelope.ts';
import { type Client, FakePeer, type Script } from './fake-peer.ts';
import { Lacks } from './lacks.ts';
import type { Session } from './session.ts';
import { defaultTimeouts } from './timeouts.ts';
import { clientContext } from './tls.ts';

const context = clientContext([]);
const peers: FakePeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** A session with a peer that greets, then follows `script`. */
async function begin(
  script: (client: Client) => Promise<void>,
  offers: string[] = ['PIPELINING'],
  clock = systemClock,
  lacks = new Lacks(clock),
) {
  const greeting: Script = async (client) => {
    client.say('220 hi');
    const lines = ['mx', ...offers];
    await client.answer('EHLO', ...lines.map((line, at) => `250${at < lines.length - 1 ? '-' : ' '}${line}`));
    await script(client);
  };
  const peer = await FakePeer.start(greeting);
  peers.push(peer);
  const target = { host: 'mx.example.net', address: '127.0.0.1', port: peer.port, named: true } as const;
  const approach = {
    source: { address: '', ehloName: 'out.example.com' },
    tls: 'None',
    tlsMinVersion: 'TLSv1.2',
    allowPrivate: [],
  } as const;
  const session = await connect(target, approach, { clock, timeouts: defaultTimeouts, context, lacks });
  if (isConnectFailure(session)) throw new Error(session.reply.text);
  return { peer, session, lacks };
}

const mail = (changes: Partial<Mail> = {}): Mail => ({
  sender: 'a@x',
  recipients: ['b@y'],
  body: '7BIT',
  content: [Buffer.from('DKIM-Signature: v=1\r\n'), Buffer.from('Subject: hi\r\n\r\n.dot\r\n')],
  ...changes,
});

/** More than the sockets of both sides hold. */
const HUGE = Buffer.from(`${'x'.repeat(50_000_000)}\r\n`);

/** Takes the envelope of one recipient and the message; gives the message. */
async function take(client: Client, ...last: string[]): Promise<Buffer> {
  await client.answer('MAIL', '250 2.1.0 sender');
  await client.answer('RCPT', '250 2.1.5 recipient');
  await client.answer('DATA', '354 go');
  const content = await client.content();
  client.say(...last);
  return content;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const summary = async (session: Session, it = mail()) => {
  const { verdicts, failure } = await session.send(it);
  return { replies: verdicts.map(({ reply, own }) => `${own ? 'own ' : ''}${reply.code} ${reply.enhanced}`), failure };
};

describe('a session', () => {
  test('carries transactions one after the other', async () => {
    const got: string[] = [];
    const { session } = await begin(async (client) => {
      for (const id of ['1', '2', '3']) got.push((await take(client, `250 2.0.0 ${id}`)).toString());
    });
    for (const id of ['1', '2', '3']) {
      const { verdicts } = await session.send(mail());
      expect(verdicts).toEqual([{ reply: { code: 250, enhanced: '2.0.0', text: id }, stage: 'dot', own: false }]);
    }
    expect(session).toMatchObject({ transactions: 3, isAlive: true, source: '127.0.0.1' });
    expect(session.host).toMatch(/^mx\.example\.net \[127\.0\.0\.1\]:\d+$/);
    expect(got).toEqual(Array(3).fill('DKIM-Signature: v=1\r\nSubject: hi\r\n\r\n..dot\r\n'));
  });

  test('writes the envelope at once, and the message with its dot at once', async () => {
    const { session, peer } = await begin(async (client) => void (await take(client, '250 ok')));
    await session.send(mail());
    const pieces = peer.clients[0]?.transcript.map(String).slice(1);
    expect(pieces).toEqual([
      'MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n',
      'DKIM-Signature: v=1\r\nSubject: hi\r\n\r\n..dot\r\n.\r\n',
    ]);
  });

  test('works with a peer that takes one command at a time', async () => {
    const { session } = await begin(async (client) => void (await take(client, '250 2.0.0 ok')), []);
    expect(await summary(session)).toEqual({ replies: ['250 2.0.0'], failure: undefined });
  });

  test('sends RSET after a transaction that was left open, and only then', async () => {
    const verbs: string[] = [];
    const { session } = await begin(async (client) => {
      await client.answer('MAIL', '250 ok');
      await client.answer('RCPT', '550 5.1.1 no');
      await client.answer('DATA', '503 none');
      for (let line = await client.line(); ; line = await client.line()) {
        verbs.push(line.slice(0, 4));
        if (line === 'DATA') {
          client.say('354 go');
          await client.content();
        }
        client.say('250 2.0.0 ok');
      }
    });
    expect((await summary(session)).replies).toEqual(['550 5.1.1']);
    expect((await summary(session)).replies).toEqual(['250 2.0.0']);
    expect((await summary(session)).replies).toEqual(['250 2.0.0']);
    expect(verbs).toEqual(['RSET', 'MAIL', 'RCPT', 'DATA', 'MAIL', 'RCPT', 'DATA']);
  });

  test('sends a large message whole', async () => {
    const raw = Buffer.from(`Subject: big\r\n\r\n${'.line of a large message\r\n'.repeat(200_000)}`);
    let received = 0;
    const { session } = await begin(async (client) => {
      received = (await take(client, '250 2.0.0 ok')).length;
    });
    expect((await summary(session, mail({ content: [raw] }))).replies).toEqual(['250 2.0.0']);
    expect(received).toBe(raw.length + 200_000);
  });

  test('does not offer what the peer announced it would not take', async () => {
    const { session, peer } = await begin(async (client) => client.closed(), ['SIZE 10']);
    expect((await summary(session)).replies).toEqual(['own 552 5.3.4']);
    expect(session).toMatchObject({ isAlive: true, transactions: 0 });
    expect(peer.clients[0]?.transcript).toHaveLength(1);
  });

  test.each<[string, Partial<Mail>]>([
    ['an address that is two commands', { recipients: ['b@y', 'c@y>\r\nDATA'] }],
    ['a message that does not end its line', { content: [Buffer.from('\r\nhello')] }],
  ])('says nothing of %s', async (_, changes) => {
    const { session, peer } = await begin(async (client) => client.closed(), []);
    await expect(session.send(mail(changes))).rejects.toThrow(/control character|CRLF/);
    expect(session).toMatchObject({ isAlive: true, transactions: 0 });
    expect(peer.clients[0]?.transcript).toHaveLength(1);
  });

  test('says goodbye', async () => {
    let last = '';
    const { session } = await begin(async (client) => {
      last = await client.answer('QUIT', '221 bye');
    });
    await Promise.all([session.quit(), session.quit()]);
    expect(last).toBe('QUIT');
    expect(session.isAlive).toBe(false);
    await session.quit();
  });

  test('does not wait long for the goodbye', async () => {
    const clock = new FakeClock();
    const { session } = await begin(async (client) => client.closed(), [], clock);
    const gone = session.quit();
    clock.advance(seconds(5));
    await gone;
    expect(clock.timers).toBe(0);
  });

  test('that is quit breaks what is under way', async () => {
    const { session, peer } = await begin(async (client) => client.closed());
    const result = summary(session);
    await until(() => peer.clients[0]?.transcript.length === 2);
    await session.quit();
    expect(await result).toMatchObject({ failure: { kind: 'closed', inDoubt: false } });
  });
});

describe('an idle session', () => {
  test.each<[string, (client: Client) => unknown]>([
    ['is closed', (client) => client.socket.end()],
    ['is reset', (client) => client.socket.resetAndDestroy()],
    ['is told 421', (client) => client.say('421 4.4.2 idle too long')],
    ['is told anything', (client) => client.say('250 by the way')],
    ['is told half a line', (client) => client.socket.write('42')],
  ])('that %s is dead, and sends nothing', async (_, act) => {
    const { session, peer } = await begin(async (client) => {
      await take(client, '250 2.0.0 ok');
      await client.closed();
    });
    await session.send(mail());
    expect(session.isAlive).toBe(true);
    peer.clients.forEach(act);
    await until(() => !session.isAlive);
    expect(await summary(session)).toEqual({
      replies: ['own 451 4.4.2'],
      failure: { stage: 'mail', kind: 'closed', inDoubt: false },
    });
  });
});

describe('C06: a hostile peer', () => {
  test.each<[string, (client: Client) => unknown, string, object]>([
    ['replies without end', (client) => client.socket.write('250-more\r\n'.repeat(10_000)), 'own 451 4.5.0', { stage: 'dot', kind: 'protocol', inDoubt: true }],
    ['sends a line of 10 MB', (client) => client.socket.write(Buffer.alloc(10_000_000, 'x')), 'own 451 4.5.0', { stage: 'dot', kind: 'protocol', inDoubt: true }],
    ['changes the code midway', (client) => client.say('250-yes', '550 no'), 'own 451 4.5.0', { stage: 'dot', kind: 'protocol', inDoubt: true }],
    ['closes', (client) => client.socket.end(), 'own 451 4.4.2', { stage: 'dot', kind: 'closed', inDoubt: true }],
    ['resets', (client) => client.socket.resetAndDestroy(), 'own 451 4.4.2', { stage: 'dot', kind: 'io', inDoubt: true }],
  ])('that %s instead of a last reply leaves the message in doubt', async (_, act, reply, failure) => {
    const { session } = await begin(async (client) => {
      await take(client);
      act(client);
      await client.closed();
    });
    expect(await summary(session)).toEqual({ replies: [reply], failure });
    expect(session.isAlive).toBe(false);
  }); // prettier-ignore

  test.each<[string, string[], string, object | undefined]>([
    ['answers DATA with 250', ['250 a', '250 b', '250 c'], 'own 451 4.5.0', { stage: 'data', kind: 'protocol', inDoubt: false }],
    ['answers the message before it is sent', ['250 a', '250 b', '354 go', '250 ok'], 'own 451 4.5.0', { stage: 'content', kind: 'protocol', inDoubt: false }],
    ['says 421 in the middle', ['250 a', '421 4.7.0 too much'], '421 4.7.0', undefined],
    ['speaks another language', ['<html>'], 'own 451 4.5.0', { stage: 'mail', kind: 'protocol', inDoubt: false }],
  ])('that %s costs the session, not the message', async (_, lines, reply, failure) => {
    const { session } = await begin(async (client) => {
      for (const count of [1, 2, 3]) expect(await client.line(), `line ${count}`).toBeTruthy();
      client.say(...lines);
      await client.closed();
    });
    expect(await summary(session)).toEqual({ replies: [reply], failure });
    expect(session.isAlive).toBe(false);
  }); // prettier-ignore

  test('that refuses in the middle of a large message is believed, and left', async () => {
    const { session } = await begin(async (client) => {
      await client.answer('MAIL', '250 ok');
      await client.answer('RCPT', '250 ok');
      await client.answer('DATA', '354 go');
      await until(() => client.transcript.length > 2);
      client.socket.pause();
      client.say('452 4.3.1 disk full');
    });
    expect(await summary(session, mail({ content: [HUGE] }))).toEqual({ replies: ['452 4.3.1'], failure: undefined });
    expect(session.isAlive).toBe(false);
  });
});

describe('a silent peer', () => {
  test.each<[string, string[], number, object]>([
    ['to MAIL', [], minutes(5), { stage: 'mail', inDoubt: false }],
    ['to RCPT', ['250 a'], minutes(5), { stage: 'rcpt', inDoubt: false }],
    ['to DATA', ['250 a', '250 b'], minutes(2), { stage: 'data', inDoubt: false }],
    ['to the message', ['250 a', '250 b', '354 go'], minutes(10), { stage: 'dot', inDoubt: true }],
  ])('%s is given its time and no more', async (_, lines, limit, failure) => {
    const clock = new FakeClock();
    const { session, peer } = await begin(async (client) => {
      for (const line of lines) {
        await client.line();
        client.say(line);
      }
      if (lines.length === 3) await client.content();
      await client.closed();
    }, [], clock); // prettier-ignore
    const result = session.send(mail());
    const commands = lines.length + 2;
    await until(() => (peer.clients[0]?.transcript.length ?? 0) >= commands);
    clock.advance(limit - 1);
    expect(session.isAlive).toBe(true);
    clock.advance(1);
    expect(await result).toMatchObject({ failure: { kind: 'timeout', ...failure } });
    expect(clock.timers).toBe(0);
  });

  test('that answers each step late is not given hours', async () => {
    const clock = new FakeClock();
    const recipients = Array.from({ length: 20 }, (_, at) => `r${at}@y`);
    const { session } = await begin(async (client) => {
      for (;;) {
        await client.line();
        clock.advance(minutes(4));
        client.say('250 ok');
      }
    }, [], clock); // prettier-ignore
    const result = await session.send(mail({ recipients }));
    expect(result.failure).toEqual({ stage: 'rcpt', kind: 'timeout', inDoubt: false });
    expect(clock.monotonic()).toBeLessThanOrEqual(minutes(33));
  });

  test('that stops reading a large message costs one block, without doubt', async () => {
    const clock = new FakeClock();
    const { session, peer } = await begin(async (client) => {
      await client.answer('MAIL', '250 ok');
      await client.answer('RCPT', '250 ok');
      await client.answer('DATA', '354 go');
      await until(() => client.transcript.length > 2);
      client.socket.pause();
      await client.closed();
    }, ['PIPELINING'], clock); // prettier-ignore
    const result = session.send(mail({ content: [HUGE] }));
    await until(() => peer.clients[0]?.socket.isPaused() === true);
    let ended: unknown;
    void result.then((it) => (ended = it));
    await until(() => {
      clock.advance(minutes(1));
      return ended !== undefined;
    });
    expect(await result).toMatchObject({ failure: { stage: 'content', kind: 'timeout', inDoubt: false } });
  });
});

describe('what is waited for before the final dot', () => {
  const LARGE = [Buffer.from(`Subject: hi\r\n\r\n${'x'.repeat(900)}\r\n`.repeat(200))];

  test.each([
    ['small', mail()],
    ['large', mail({ content: LARGE })],
  ])('has come when the dot of a %s message goes', async (_, it) => {
    const order: string[] = [];
    const { session } = await begin(async (client) => {
      await take(client, '250 2.0.0 taken');
      order.push('dot');
    });
    await session.send(it, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push('before');
    });
    expect(order).toEqual(['before', 'dot']);
  });

  test('and fails, keeps the dot from being sent: nothing is in doubt', async () => {
    const { session, peer } = await begin(async (client) => void (await take(client, '250 2.0.0 taken')));
    const { verdicts, failure } = await session.send(mail(), () => Promise.reject(new Error('disk full')));
    expect(failure).toMatchObject({ inDoubt: false });
    expect(verdicts[0]).toMatchObject({ own: true, reply: { code: 451 } });
    expect(session.isAlive).toBe(false);
    expect(peer.clients).toHaveLength(1);
  });

  test('is of no use any more when the connection was lost meanwhile', async () => {
    const { session } = await begin(async (client) => {
      await client.answer('MAIL', '250 2.1.0 sender');
      await client.answer('RCPT', '250 2.1.5 recipient');
      await client.answer('DATA', '354 go');
      client.socket.destroy();
    });
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const { failure } = await session.send(mail(), () => promise);
    resolve(undefined);
    expect(failure).toMatchObject({ inDoubt: false });
  });
});

describe('a session with CHUNKING', () => {
  const CHUNKING = ['PIPELINING', 'CHUNKING'];
  const LARGE = mail({ content: [Buffer.from(`Subject: hi\r\n\r\n${'.'.repeat(900)}\r\n`.repeat(200))] });

  /** Takes the envelope of one recipient and the chunk; gives the chunk. */
  async function takeChunk(client: Client, ...last: string[]): Promise<Buffer> {
    await client.answer('MAIL', '250 2.1.0 sender');
    await client.answer('RCPT', '250 2.1.5 recipient');
    const content = await client.chunk();
    client.say(...last);
    return content;
  }

  test('writes the envelope at once, and the whole message at once when a recipient is accepted', async () => {
    const { session, peer } = await begin(async (client) => {
      await takeChunk(client, '250 2.0.0 ok');
      await takeChunk(client, '250 2.0.0 ok');
    }, CHUNKING);
    expect((await summary(session)).replies).toEqual(['250 2.0.0']);
    expect((await summary(session)).replies).toEqual(['250 2.0.0']);
    const envelope = 'MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n';
    const chunk = 'BDAT 42 LAST\r\nDKIM-Signature: v=1\r\nSubject: hi\r\n\r\n.dot\r\n';
    expect(peer.clients[0]?.transcript.map(String).slice(1)).toEqual([envelope, chunk, envelope, chunk]);
  });

  test.each([
    ['small', mail()],
    ['large', LARGE],
  ])('brings a %s message as it is, once what is waited for before the final dot has come', async (_, it) => {
    const order: string[] = [];
    const { session } = await begin(async (client) => {
      const got = await takeChunk(client, '250 2.0.0 ok');
      expect(got.equals(Buffer.concat(it.content))).toBe(true);
      order.push('whole');
    }, CHUNKING);
    await session.send(it, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push('before');
    });
    expect(order).toEqual(['before', 'whole']);
  });

  test('says RSET after a message that was refused', async () => {
    const { session, lacks } = await begin(async (client) => {
      await takeChunk(client, '554 5.7.1 spam');
      await client.answer('RSET', '250 flushed');
      await takeChunk(client, '250 2.0.0 ok');
    }, CHUNKING);
    expect((await summary(session)).replies).toEqual(['554 5.7.1']);
    expect((await summary(session)).replies).toEqual(['250 2.0.0']);
    expect(lacks.has(session.host, 'CHUNKING')).toBe(false);
  });

  test.each<[string, Mail, (client: Client) => unknown, object]>([
    ['knows no BDAT', mail(), (client) => client.say('500 what?', '500 what?', '250 rset'), { replies: ['own 451 4.5.0'], failure: undefined }],
    ['knows no BDAT, in the middle', LARGE, (client) => client.say('502 5.5.1 what?'), { replies: ['own 451 4.5.0'], failure: undefined }],
    ['closes after the chunk', mail(), (client) => client.socket.end(), { replies: ['own 451 4.4.2'], failure: { stage: 'dot', kind: 'closed', inDoubt: true } }],
  ])('whose peer %s ends, and the peer gets DATA from then on', async (_, it, act, result) => {
    const { session, lacks } = await begin(async (client) => {
      await client.answer('MAIL', '250 ok');
      await client.answer('RCPT', '250 ok');
      await client.line();
      act(client);
      await client.closed();
    }, CHUNKING);
    expect(await summary(session, it)).toEqual(result);
    expect(session.isAlive).toBe(false);
    expect(lacks.has(session.host, 'CHUNKING')).toBe(true);
  }); // prettier-ignore

  test('breaks when the peer answers the message before it was sent', async () => {
    const { session } = await begin(async (client) => {
      for (const count of [1, 2]) expect(await client.line(), `line ${count}`).toBeTruthy();
      client.say('250 a', '250 b', '250 taken');
      await client.closed();
    }, CHUNKING);
    const failure = { stage: 'content', kind: 'protocol', inDoubt: false };
    expect(await summary(session)).toEqual({ replies: ['own 451 4.5.0'], failure });
  });

  test('that breaks in the middle of a chunk leaves nothing in doubt', async () => {
    const { session } = await begin(async (client) => {
      await client.answer('MAIL', '250 ok');
      await client.answer('RCPT', '250 ok');
      await until(() => client.transcript.length > 2);
      client.socket.resetAndDestroy();
    }, CHUNKING);
    const { failure } = await summary(session, mail({ content: [HUGE] }));
    expect(failure).toMatchObject({ stage: 'content', inDoubt: false });
  });
});
