import { describe, expect, test } from 'vitest';
import { HIDDEN, SMUGGLED } from '../../../test/attacks/sequences.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { MailEvent } from '../../event.ts';
import { anEvent } from '../../settle/ledger/ledger.contract.ts';
import type { Suppression } from '../../suppression.ts';
import { judgeBy } from '../../judge.ts';
import { type Accepted, codes, simplePolicy, type StageOptions, StagePartner } from '../smtp/stage-partner.ts';
import { withReturns } from './policy.ts';
import { type ReturnAddresses, Returns } from './returns.ts';

const MESSAGE = '01m804kbq61h2td7vkqgy132ca';
const VALID = 'b-valid@bounce.example';
const REPORT = 'Subject: Undelivered\r\n\r\nIt came back.\r\n.\r\n';

/** Names of return paths that are valid; hosts are given. */
const addressesAt = (...hosts: string[]): ReturnAddresses => ({
  isOpen: hosts.length > 0,
  isHost: (domain) => hosts.includes(domain),
  read: (address) => (address === VALID ? { tenant: 'default', message: MESSAGE, index: 1 } : undefined),
});

class Shelf {
  readonly events: MailEvent[] = [
    anEvent(MESSAGE, 'queued', { index: 0, recipient: 'other@dest.test' }),
    anEvent(MESSAGE, 'queued', { index: 1, recipient: 'b@dest.test' }),
    anEvent(MESSAGE, 'delivered', { index: 1, recipient: 'b@dest.test', attempt: 2 }),
  ];
  readonly copies: Buffer[] = [];
  readonly suppressed: string[] = [];
  readonly suppressions = {
    suppress: async (tenant: string, entries: readonly Suppression[]): Promise<void> => {
      for (const { subject, reason, source } of entries)
        this.suppressed.push(`${tenant} ${subject} ${reason} ${source}`);
    },
  };
  fault: Fault | undefined;

  async trace(message: string): Promise<readonly MailEvent[]> {
    return this.events.filter((it) => it.message === message);
  }

  async keep(events: readonly MailEvent[], copy: Buffer): Promise<void> {
    if (this.fault) throw this.fault;
    this.events.push(...events);
    this.copies.push(copy);
  }
}

function open(options: StageOptions = {}, addresses = addressesAt('bounce.example')) {
  const shelf = new Shelf();
  const told: MailEvent[] = [];
  const clock = new FakeClock(Date.UTC(2026, 0, 2));
  const returns = new Returns({
    addresses,
    ledger: shelf,
    judge: judgeBy(() => ({ policies: [] })),
    clock,
    tell: (event) => told.push(event),
    troubled: () => undefined,
  });
  const accepted: Accepted[] = [];
  const policy = withReturns(simplePolicy(accepted, options.trusted), returns);
  const partner = new StagePartner({ authRequired: true, canSecure: true, ...options, policy });
  partner.conversation.begin();
  return { shelf, told, partner, accepted };
}

/** The replies to commands said one by one after EHLO. */
async function say({ partner }: ReturnType<typeof open>, ...commands: readonly string[]): Promise<string[]> {
  await partner.send('EHLO mx.dest.test\r\n');
  const said: string[] = [];
  for (const command of commands) said.push((await partner.send(`${command}\r\n`)).trimEnd());
  return said;
}

const SENDER_OK = '250 2.1.0 Sender OK';
const NO_SUCH = '550 5.1.1 no such address';
const APART = '452 4.5.3 Mail to a return path goes alone; send the rest in another transaction';

describe('without AUTH', () => {
  test.each(['', 'anybody@else.example'])('mail from <%s> to a valid return path is taken and kept', async (sender) => {
    const scene = open();
    const [mail, rcpt] = await say(scene, `MAIL FROM:<${sender}>`, `RCPT TO:<${VALID}>`, 'DATA');
    expect([mail, rcpt]).toEqual([SENDER_OK, '250 2.1.5 Recipient OK']);
    expect(await scene.partner.send(REPORT)).toBe('250 2.0.0 taken\r\n');
    const event = {
      type: 'returned',
      at: Date.UTC(2026, 0, 2),
      message: MESSAGE,
      index: 1,
      tenant: 'default',
      sender: 'a@example.com',
      recipient: 'b@dest.test',
      attempt: 2,
      reply: '250 2.0.0 taken',
      host: 'mx.dest.test [192.0.2.1]',
    };
    expect(scene.told).toMatchObject([event]);
    expect(scene.shelf.events.at(-1)).toEqual(scene.told[0]);
    expect(String(scene.shelf.copies[0])).toBe('Subject: Undelivered\r\n\r\nIt came back.\r\n');
    expect(scene.accepted).toEqual([]);
  });

  test('nothing else is taken, and the reply is one for all that no return path of ours says', async () => {
    const others = ['b-forged@bounce.example', 'b-valid@BOUNCE.example.', 'postmaster@bounce.example'];
    const scene = open();
    const said = await say(scene, 'MAIL FROM:<>', ...others.map((it) => `RCPT TO:<${it}>`), 'RCPT TO:<a@b.example>');
    expect(said).toEqual([
      SENDER_OK,
      NO_SUCH,
      expect.stringMatching(/^501 /),
      NO_SUCH,
      '550 5.7.1 Authentication required to send mail to others',
    ]);
  });

  test('C11 no mail is taken that could only be bounced: no recipient, no DATA', async () => {
    const scene = open();
    const said = await say(scene, 'MAIL FROM:<victim@else.example>', 'RCPT TO:<nobody@bounce.example>', 'DATA');
    expect(said[2]).toBe('554 5.5.1 No valid recipients');
    expect([scene.told, scene.accepted, scene.shelf.copies]).toEqual([[], [], []]);
  });

  test('C09 guessing ends the connection', async () => {
    const scene = open();
    await say(scene, 'MAIL FROM:<>', ...Array.from({ length: 20 }, (_, at) => `RCPT TO:<b-${at}@bounce.example>`));
    expect(scene.partner.isClosed).toBe(true);
  });

  test('MAIL asks for AUTH as before while no domain has a return path', async () => {
    expect(await say(open({}, addressesAt()), 'MAIL FROM:<>')).toEqual([
      '530 5.7.0 Authentication required; say STARTTLS first',
    ]);
  });

  test('what is announced as more than anybody may send is refused', async () => {
    const [said] = await say(open(), 'MAIL FROM:<> SIZE=26214401');
    expect(said?.slice(0, 3)).toBe('552');
  });

  test.each<[string, string, number]>([
    ['of three megabytes', `Subject: big\r\n\r\n${`${'x'.repeat(990)}\r\n`.repeat(3000)}.\r\n`, 64 * 1024],
    ['of one line', `Subject: long\r\n\r\n${'x'.repeat(300_000)}\r\n.\r\n`, 64 * 1024],
    ['with a header without end', `${'A: b\r\n'.repeat(50_000)}.\r\n`, 64 * 1024],
    ['with NUL', 'Subject: a\r\n\r\n\0\r\n.\r\n', 17],
  ])('a report %s is taken, its front kept', async (_, content, length) => {
    const scene = open();
    await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`, 'DATA');
    expect(await scene.partner.send(content)).toBe('250 2.0.0 taken\r\n');
    expect(scene.shelf.copies.map((it) => it.length)).toEqual([length]);
    expect(scene.partner.memory.used).toBe(0);
  });

  test('no more of it is held than is read', async () => {
    const scene = open();
    await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`, 'DATA');
    for (let count = 0; count < 100; count += 1) {
      await scene.partner.send(`${'x'.repeat(99_998)}\r\n`);
      expect(scene.partner.memory.used).toBeLessThanOrEqual(128 * 1024);
    }
    expect(await scene.partner.send('.\r\n')).toBe('250 2.0.0 taken\r\n');
  });

  test('A01 bare line ends end lines of a report, and nothing else: what they hide is never a command', async () => {
    for (const sequence of SMUGGLED) {
      const attack = Buffer.from(`Subject: a\r\n\r\nbody${sequence}${HIDDEN}`, 'latin1');
      for (let at = 0; at <= attack.length; at += 1) {
        const scene = open();
        await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`, 'DATA');
        const said =
          (await scene.partner.send(attack.subarray(0, at))) + (await scene.partner.send(attack.subarray(at)));
        expect(codes(said)[0]).toBe(250);
        expect(scene.accepted).toEqual([]);
        expect([scene.told.length, scene.shelf.copies.length]).toEqual([1, 1]);
        expect(String(scene.shelf.copies[0])).not.toMatch(/(?<!\r)\n|\r(?!\n)/);
      }
    }
  });

  test('A01 bare line ends in chunks are content too', async () => {
    const scene = open();
    const content = 'Subject: a\n\nbody\r.\n\n.\r\nNOOP\r';
    await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`);
    const said = await scene.partner.send(`BDAT ${content.length} LAST\r\n${content}NOOP\r\n`);
    expect(codes(said)).toEqual([250, 250]);
    expect(String(scene.shelf.copies[0])).toBe('Subject: a\r\n\r\nbody\r\n.\r\n\r\n.\r\nNOOP\r\n');
  });
});

describe('who may send otherwise', () => {
  test('sends as before, and mail to a return path goes alone', async () => {
    const scene = open({ trusted: 'network' });
    const said = await say(scene, 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@dest.test>', `RCPT TO:<${VALID}>`, 'DATA');
    expect(said.slice(2)).toEqual([APART, '354 End data with <CR><LF>.<CR><LF>']);
    await scene.partner.send(REPORT);
    expect(scene.accepted).toMatchObject([{ identity: 'network', envelope: { recipients: ['b@dest.test'] } }]);
    expect(scene.told).toEqual([]);
  });

  test('may return mail too, and nothing beside it', async () => {
    const scene = open({ trusted: 'network' });
    const said = await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`, `RCPT TO:<${VALID}>`, 'RCPT TO:<b@dest.test>');
    expect(said.slice(2)).toEqual([APART, APART]);
    await scene.partner.send('DATA\r\n');
    await scene.partner.send(REPORT);
    expect([scene.told.length, scene.accepted.length]).toEqual([1, 0]);
  });

  test('is told of an address at a return path host that is none', async () => {
    expect(await say(open({ trusted: 'network' }), 'MAIL FROM:<>', 'RCPT TO:<x@bounce.example>')).toEqual([
      SENDER_OK,
      NO_SUCH,
    ]);
  });
});

/** A report as content of DATA. */
const reportOf = (type: string, fields: readonly string[]): string =>
  [
    'Content-Type: multipart/report; boundary=b',
    '',
    '--b',
    `Content-Type: ${type}`,
    '',
    ...fields,
    '--b--',
    '.',
    '',
  ].join('\r\n');

describe('what is returned', () => {
  const failed = (address: string, said: string, action = 'failed'): readonly string[] => [
    'Reporting-MTA: dns; mx.dest.test',
    '',
    `Final-Recipient: rfc822; ${address}`,
    `Action: ${action}`,
    `Status: ${said.slice(4, 9)}`,
    `Diagnostic-Code: smtp; ${said}`,
  ];
  const feedback = (kind: string): readonly string[] => [`Feedback-Type: ${kind}`, 'User-Agent: x', 'Version: 1'];
  const dsn = 'message/delivery-status';
  const arf = 'message/feedback-report';
  const GONE = '550 5.1.1 no such user';

  test.each<[string, string, readonly string[], readonly string[], readonly string[]]>([
    [
      'an invalid address ends in a bounce, and nobody writes there again',
      dsn,
      failed('b@dest.test', GONE),
      ['bounced-later 550 5.1.1 no such user (Invalid Address)'],
      ['default b@dest.test invalid-address bounce'],
    ],
    [
      'the same, though the report has the address in another case',
      dsn,
      failed('B@DEST.test', GONE),
      ['bounced-later 550 5.1.1 no such user (Invalid Address)'],
      ['default b@dest.test invalid-address bounce'],
    ],
    [
      'a full mailbox suppresses nobody',
      dsn,
      failed('b@dest.test', '552 5.2.2 mailbox full'),
      ['bounced-later 552 5.2.2 mailbox full (Mailbox Unavailable)'],
      [],
    ],
    [
      'a matter of policy neither',
      dsn,
      failed('b@dest.test', '550 5.7.1 blocked'),
      [expect.stringMatching(/^bounced-later 550 5\.7\.1 blocked /) as string],
      [],
    ],
    ['a delay changes nothing', dsn, failed('b@dest.test', '450 4.4.1 wait', 'delayed'), [], []],
    ['a delivery changes nothing', dsn, failed('b@dest.test', '250 2.0.0 ok', 'delivered'), [], []],
    [
      'one of several whom a list was expanded to bounces, and suppresses nobody',
      dsn,
      [...failed('x@dest.test', GONE), '', ...failed('y@dest.test', GONE).slice(2)],
      ['bounced-later 550 5.1.1 no such user (Invalid Address)'],
      [],
    ],
    [
      'the failure of one and delivery to another is no bounce',
      dsn,
      [...failed('x@dest.test', GONE), '', ...failed('y@dest.test', '250 2.0.0 ok', 'delivered').slice(2)],
      [],
      [],
    ],
    [
      'abuse is a complaint',
      arf,
      feedback('abuse'),
      ['complained 550 complaint: abuse'],
      ['default b@dest.test complaint complaint'],
    ],
    [
      'a wish to be left alone too',
      arf,
      feedback('opt-out'),
      ['complained 550 complaint: opt-out'],
      ['default b@dest.test unsubscribe complaint'],
    ],
    ['a virus is one that suppresses nobody', arf, feedback('virus'), ['complained 550 complaint: virus'], []],
    ['what is no spam is none', arf, feedback('not-spam'), [], []],
    ['a failed authentication is none', arf, feedback('auth-failure'), [], []],
  ])('%s', async (_, type, fields, events, suppressed) => {
    const scene = open();
    await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`, 'DATA');
    expect(await scene.partner.send(reportOf(type, fields))).toBe('250 2.0.0 taken\r\n');
    const [first, ...later] = scene.told;
    expect(first).toMatchObject({ type: 'returned', report: type === dsn ? 'dsn' : 'arf' });
    expect(later.map((it) => `${it.type} ${it.reply}${it.class === undefined ? '' : ` (${it.class})`}`)).toEqual(
      events,
    );
    expect(later.every((it) => it.recipient === 'b@dest.test' && it.index === 1)).toBe(true);
    expect(scene.shelf.suppressed).toEqual(suppressed);
    expect(scene.shelf.events.slice(3)).toEqual(scene.told);
  });

  test('an answer, by a machine or a person, is kept and changes nothing', async () => {
    const scene = open();
    for (const content of [
      'Auto-Submitted: auto-replied\r\n\r\n550 5.1.1\r\n.\r\n',
      'Subject: Re: hi\r\n\r\nhi\r\n.\r\n',
    ]) {
      await say(scene, 'MAIL FROM:<b@dest.test>', `RCPT TO:<${VALID}>`, 'DATA');
      await scene.partner.send(content);
    }
    expect(scene.told.map((it) => `${it.type} ${it.report}`)).toEqual(['returned auto-reply', 'returned other']);
    expect(scene.shelf.suppressed).toEqual([]);
  });
});

describe('at the end of the message', () => {
  async function returned(scene: ReturnType<typeof open>, content = REPORT): Promise<string> {
    await say(scene, 'MAIL FROM:<>', `RCPT TO:<${VALID}>`, 'DATA');
    return scene.partner.send(content);
  }

  test.each<[string, (scene: ReturnType<typeof open>) => void]>([
    ['that the ledger has forgotten', ({ shelf }) => void shelf.events.splice(0)],
    [
      'that is another tenant’s',
      ({ shelf }) => shelf.events.forEach((it, at) => (shelf.events[at] = { ...it, tenant: 'other' })),
    ],
  ])('a message %s is as unknown as a forged return path', async (_, change) => {
    const scene = open();
    change(scene);
    expect(await returned(scene)).toBe(`${NO_SUCH}\r\n`);
    expect(scene.told).toEqual([]);
  });

  test.each<[string, string]>([
    ['storage-full', '452 4.3.1 no room: try again later\r\n'],
    ['storage-failed', '451 4.3.0 cannot be kept now: try again later\r\n'],
  ])('what cannot be written (%s) stays with who returns it', async (code, said) => {
    const scene = open();
    scene.shelf.fault = new Fault(code, 'cannot write');
    expect(await returned(scene)).toBe(said);
    expect(scene.told).toEqual([]);
  });

  test('only the front of long mail is kept', async () => {
    const scene = open();
    await returned(scene, `Subject: long\r\n\r\n${`${'x'.repeat(900)}\r\n`.repeat(300)}.\r\n`);
    expect(scene.shelf.copies[0]?.length).toBe(64 * 1024);
  });

  test('a recipient has room for ten returns', async () => {
    const scene = open();
    for (let count = 0; count < 10; count += 1) expect(await returned(scene)).toMatch(/^250 /);
    expect(await returned(scene)).toBe('550 5.2.2 enough has come back for this message\r\n');
    expect(scene.shelf.copies).toHaveLength(10);
  });
});
