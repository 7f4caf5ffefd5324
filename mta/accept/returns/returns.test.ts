import { describe, expect, test } from 'vitest';
import { HIDDEN, SMUGGLED } from '../../../test/attacks/sequences.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { MailEvent } from '../../mail/event.ts';
import { anEvent } from '../../settle/ledger/ledger.contract.ts';
import type { Stray } from '../../settle/ledger/returned.ts';
import type { Suppression } from '../../mail/suppression.ts';
import { judgeBy } from '../../work/judge.ts';
import { type Accepted, codes, simplePolicy, type StageOptions, StagePartner } from '../smtp/stage-partner.ts';
import { withReturns } from './policy.ts';
import type { ReturnPlaces } from './place.ts';
import { Returns } from './returns.ts';

const MESSAGE = '01m804kbq61h2td7vkqgy132ca';
const VALID = 'b-valid@bounce.example';
const REPORT = 'Subject: Undelivered\r\n\r\nIt came back.\r\n.\r\n';

/** Of these hosts one return path is valid; `complaints@` and postmaster take what comes for tenant `default`. */
const placesAt = (...hosts: string[]): ReturnPlaces => ({
  isOpen: hosts.length > 0,
  read: (address) => (address === VALID ? { tenant: 'default', message: MESSAGE, index: 1 } : undefined),
  placeOf(address) {
    if (!hosts.includes(address.slice(address.indexOf('@') + 1))) return undefined;
    const returned = this.read(address);
    if (returned) return { kind: 'return-path', ...returned };
    const isFeedback = /^(complaints|postmaster)@/.test(address);
    return { kind: isFeedback ? 'feedback' : 'host', tenants: ['default'] };
  },
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
  readonly strays: Stray[] = [];
  hasPlaces = true;
  readonly returned = {
    shelve: async (stray: Stray): Promise<'kept' | 'full'> => {
      if (!this.hasPlaces) return 'full';
      this.strays.push(stray);
      return 'kept';
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

function open(options: StageOptions & { readonly tenant?: string } = {}, places = placesAt('bounce.example')) {
  const shelf = new Shelf();
  const told: MailEvent[] = [];
  const shelved: Stray[] = [];
  const clock = new FakeClock(Date.UTC(2026, 0, 2));
  const returns = new Returns({
    places,
    ledger: shelf,
    judge: judgeBy(() => ({ policies: [] })),
    clock,
    tell: (event) => told.push(event),
    shelved: (stray) => shelved.push(stray),
    troubled: () => undefined,
  });
  const accepted: Accepted[] = [];
  const policy = withReturns(simplePolicy(accepted, options.trusted), returns, () => options.tenant ?? 'default');
  const partner = new StagePartner({ authRequired: true, canSecure: true, ...options, policy });
  partner.conversation.begin();
  return { shelf, told, shelved, partner, accepted };
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
    const others = ['b-forged@bounce.example', 'b-valid@BOUNCE.example.', 'somebody@bounce.example'];
    const scene = open();
    const said = await say(
      scene,
      'MAIL FROM:<x@else.example>',
      ...others.map((it) => `RCPT TO:<${it}>`),
      'RCPT TO:<a@b.example>',
    );
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
    await say(
      scene,
      'MAIL FROM:<x@y.example>',
      ...Array.from({ length: 20 }, (_, at) => `RCPT TO:<b-${at}@bounce.example>`),
    );
    expect(scene.partner.isClosed).toBe(true);
  });

  test('MAIL asks for AUTH as before while no domain has a return path', async () => {
    expect(await say(open({}, placesAt()), 'MAIL FROM:<>')).toEqual([
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
  test('A21 is not stopped by the hosts and addresses of another tenant: mail there is mail like any other', async () => {
    for (const address of ['somebody@bounce.example', 'complaints@bounce.example', 'postmaster@bounce.example']) {
      const scene = open({ trusted: 'network', tenant: 'other' });
      const said = await say(scene, 'MAIL FROM:<a@b.example>', 'RCPT TO:<b@dest.test>', `RCPT TO:<${address}>`, 'DATA');
      expect(said[2]).toBe('250 2.1.5 Recipient OK');
      await scene.partner.send(REPORT);
      expect(scene.accepted).toMatchObject([{ envelope: { recipients: ['b@dest.test', address] } }]);
      expect([scene.told, scene.shelved]).toEqual([[], []]);
    }
  });

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
    expect(await say(open({ trusted: 'network' }), 'MAIL FROM:<a@b.example>', 'RCPT TO:<x@bounce.example>')).toEqual([
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

const ID_LINE = `by mail.example (Postfleet) with ESMTPSA id ${MESSAGE};`;

/** A complaint as content of DATA, with what its sender left of the original. */
const complaint = (fields: readonly string[], original: readonly string[]): string =>
  [
    'Content-Type: multipart/report; report-type=feedback-report; boundary=b',
    '',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    'Feedback-Type: abuse',
    'User-Agent: x',
    'Version: 1',
    ...fields,
    '',
    '--b',
    'Content-Type: message/rfc822',
    '',
    ...original,
    '',
    'Hello.',
    '--b--',
    '.',
    '',
  ].join('\r\n');

describe('at an address for complaints', () => {
  async function complain(scene: ReturnType<typeof open>, content: string, to = 'complaints'): Promise<string> {
    await say(scene, 'MAIL FROM:<fbl@isp.example>', `RCPT TO:<${to}@bounce.example>`, 'DATA');
    return scene.partner.send(content);
  }
  const received = ['Received: from app', `\t${ID_LINE} Sat, 21 Nov 2026 09:12:44 +0000`];

  test('a return path within says what it is about, though everything else is hidden', async () => {
    const scene = open();
    expect(await complain(scene, complaint([], ['To: redacted', `X-Sender: <${VALID}>`]))).toBe('250 2.0.0 taken\r\n');
    // `b-valid` has not the form of a real one; `return-places.test.ts` reads those.
    expect(scene.shelved).toHaveLength(1);
    const other = open();
    expect(await complain(other, complaint([`Original-Mail-From: <${VALID}>`], ['To: redacted']))).toMatch(/^250 /);
    expect(other.told).toMatchObject([
      { type: 'returned', report: 'arf', index: 1 },
      { type: 'complained', index: 1, suppressed: 'complaint' },
    ]);
    expect(other.told[0]).not.toHaveProperty('foundBy');
    expect(other.shelf.suppressed).toEqual(['default b@dest.test complaint complaint']);
  });

  test('our own Received within says which message; of several recipients the report names one, and suppresses none', async () => {
    const scene = open();
    expect(await complain(scene, complaint(['Original-Rcpt-To: B@dest.test'], received))).toMatch(/^250 /);
    expect(scene.told).toMatchObject([
      { type: 'returned', foundBy: 'headers', index: 1 },
      { type: 'complained', recipient: 'b@dest.test' },
    ]);
    expect(scene.shelf.suppressed).toEqual([]);
  });

  test('a message with one recipient is his, named or hidden, and he is suppressed', async () => {
    for (const fields of [[], ['Original-Rcpt-To: 5f3a9c1d@redacted'], ['Original-Rcpt-To: b@dest.test']]) {
      const scene = open();
      scene.shelf.events.splice(0, 1);
      expect(await complain(scene, complaint(fields, received))).toMatch(/^250 /);
      expect(scene.shelf.suppressed).toEqual(['default b@dest.test complaint complaint']);
    }
  });

  test.each<[string, (scene: ReturnType<typeof open>) => void, readonly string[]]>([
    ['names somebody else', () => undefined, ['Original-Rcpt-To: victim@dest.test']],
    ['names nobody of several', () => undefined, []],
    ['names one it was never sent to', ({ shelf }) => cancel(shelf), ['Original-Rcpt-To: other@dest.test']],
    ['is about another tenant’s', ({ shelf }) => foreign(shelf), ['Original-Rcpt-To: b@dest.test']],
    ['is about what is forgotten', ({ shelf }) => void shelf.events.splice(0), ['Original-Rcpt-To: b@dest.test']],
  ])('A21 a forged complaint that %s is no event and suppresses nobody', async (_, change, fields) => {
    const scene = open();
    change(scene);
    expect(await complain(scene, complaint(fields, received))).toBe('250 2.0.0 taken\r\n');
    expect([scene.told, scene.shelf.suppressed]).toEqual([[], []]);
    expect(scene.shelved).toMatchObject([{ tenant: 'default', recipient: 'complaints@bounce.example', report: 'arf' }]);
  });

  const cancel = ({ events }: Shelf): void =>
    void events.push(anEvent(MESSAGE, 'cancelled', { index: 0, recipient: 'other@dest.test' }));
  const foreign = ({ events }: Shelf): void => events.forEach((it, at) => (events[at] = { ...it, tenant: 'other' }));

  test('what is about mail still on its way is put off', async () => {
    const scene = open();
    const said = await complain(scene, complaint(['Original-Rcpt-To: other@dest.test'], received));
    expect(said).toBe('451 4.5.0 the message it is about is still on its way: try again later\r\n');
  });

  test('any other mail is kept on a shelf, and refused for now when that is full; postmaster’s too', async () => {
    for (const to of ['complaints', 'Postmaster', 'postmaster']) {
      const scene = open();
      expect(await complain(scene, 'Subject: code 1234\r\n\r\n.\r\n', to.toLowerCase())).toBe('250 2.0.0 taken\r\n');
      expect(scene.shelved).toMatchObject([
        { tenant: 'default', report: 'other', host: 'mx.dest.test [192.0.2.1]', at: Date.UTC(2026, 0, 2) },
      ]);
      expect(scene.shelf.strays).toEqual(scene.shelved);
      scene.shelf.hasPlaces = false;
      expect(await complain(scene, REPORT, to.toLowerCase())).toMatch(/^452 4\.2\.2 /);
    }
  });
});

describe('a bounce to an address at a host of return paths that is none', () => {
  const bounce = (original: readonly string[]): string =>
    [
      'Content-Type: multipart/report; boundary=b',
      '',
      '--b',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx.dest.test',
      '',
      'Final-Recipient: rfc822; b@dest.test',
      'Action: failed',
      'Status: 5.1.1',
      '',
      '--b',
      'Content-Type: text/rfc822-headers',
      '',
      ...original,
      '--b--',
      '.',
      '',
    ].join('\r\n');

  async function bounced(content: string) {
    const scene = open();
    await say(scene, 'MAIL FROM:<>', 'RCPT TO:<b-val@bounce.example>', 'DATA');
    return { scene, said: await scene.partner.send(content) };
  }

  test('counts by the Message-ID we gave it', async () => {
    const { scene, said } = await bounced(bounce([`Message-ID: <${MESSAGE.toUpperCase()}@example.com>`]));
    expect(said).toBe('250 2.0.0 taken\r\n');
    expect(scene.told).toMatchObject([
      { type: 'returned', report: 'dsn', foundBy: 'headers' },
      { type: 'bounced-later', recipient: 'b@dest.test', class: 'Invalid Address' },
    ]);
  });

  test('is no such address when it is about nothing of ours', async () => {
    const { scene, said } = await bounced(bounce(['Message-ID: <other@example.com>']));
    expect(said).toBe(`${NO_SUCH}\r\n`);
    expect([scene.told, scene.shelved, scene.shelf.copies]).toEqual([[], [], []]);
  });
});
