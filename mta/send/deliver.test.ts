import { describe, expect, test } from 'vitest';
import { type Duration, hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage, openTestStorage } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Message } from '../mail/message.ts';
import type { LaneName, Lease } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import { noCapabilities } from './capabilities.ts';
import type { ConnectFailure } from './connect.ts';
import type { End, LaneSupply } from '../mail/turn.ts';
import type { Courier, Opening } from './courier.ts';
import { deliver } from './deliver.ts';
import type { Mail } from './envelope.ts';
import type { BeforeDot, Session } from './session.ts';
import type { TransactionResult } from './transaction.ts';

const LANE = 'default default/main dest.test';
const OTHER = 'default default/main other.test';
const SIGNATURE = Buffer.from('DKIM-Signature: v=1\r\n');

const said = (code: number, enhanced: string, text: string): TransactionResult => ({
  verdicts: [{ reply: reply(code, enhanced, text), stage: 'dot', own: false }],
});
const TAKEN = said(250, '2.0.0', 'ok');

/** A session that takes everything, unless a test says what happens. */
class FakeSession implements Session {
  readonly host = 'mx.dest.test [192.0.2.1]:25';
  readonly source = '192.0.2.9';
  readonly tls = 'TLSv1.3 X';
  readonly isVerified = false;
  capabilities = noCapabilities;
  isAlive = true;
  transactions = 0;
  isPastData = false;
  quits = 0;
  readonly sent: Mail[] = [];
  readonly #answer: (session: FakeSession) => TransactionResult | Promise<TransactionResult>;

  constructor(answer: (session: FakeSession) => TransactionResult | Promise<TransactionResult> = () => TAKEN) {
    this.#answer = answer;
  }

  beforeDot: BeforeDot | undefined;

  async send(mail: Mail, beforeDot?: BeforeDot): Promise<TransactionResult> {
    this.beforeDot = beforeDot;
    this.transactions += 1;
    this.sent.push(mail);
    return this.#answer(this);
  }

  async quit(): Promise<void> {
    this.isAlive = false;
    this.quits += 1;
  }
}

/** Ten messages of one lane after the other, then none: what is put back is not given again, as if others had taken it. */
class FakeSupply implements LaneSupply {
  readonly offer: { readonly lane: LaneName; readonly most: number };
  readonly #rest: LaneName[];
  readonly putBacks: LaneName[] = [];
  readonly ends: string[] = [];
  readonly waits: Duration[] = [];
  readonly whys: (string | undefined)[] = [];
  takens = 0;
  pushes = 0;
  unusedMessages = 0;
  /** Messages that may go beside those of an offer. */
  moreMessages = Infinity;
  readonly asked: number[] = [];
  trouble: string | undefined;
  goesOn = true;

  constructor(...lanes: readonly LaneName[]) {
    const [first = LANE, ...rest] = lanes;
    this.offer = { lane: first, most: 10 };
    this.#rest = rest;
  }

  putBack(lane: LaneName): void {
    this.putBacks.push(lane);
  }

  more(_: object, most: number): number {
    this.asked.push(most);
    return Math.min(most, this.moreMessages);
  }

  unused(_: object, messages: number): void {
    this.unusedMessages += messages;
  }

  async next(idle: Duration): Promise<{ readonly lane: LaneName; readonly most: number } | undefined> {
    this.waits.push(idle);
    const lane = this.#rest.shift();
    return lane === undefined ? undefined : { lane, most: 10 };
  }

  taken(): void {
    this.takens += 1;
  }

  pushedBack(): void {
    this.pushes += 1;
  }

  pauseAfter(): Duration {
    return seconds(15);
  }

  leave(end: End, why?: string): void {
    this.ends.push(end);
    this.whys.push(why);
  }
}

const opened = (session: Session, ...failures: ConnectFailure[]): Opening => ({ kind: 'session', session, failures });

function failure(stage: ConnectFailure['stage'], code = 451): ConnectFailure {
  const target = { host: 'mx.dest.test', address: '192.0.2.1', port: 25 };
  return { stage, target, reply: reply(code, '4.4.1', `no session: ${stage}`), own: true };
}

const unreachable = (report: ConnectFailure): Opening => ({ kind: 'unreachable', report, failures: [report] });

const openQueue = openTestStorage();

async function open(over: Partial<Courier> = {}, session = new FakeSession()) {
  const clock = new FakeClock();
  const storage = await openQueue(clock);
  const { queue } = storage;
  const claim = await queue.claim(0);
  const settled: { lease: Lease; attempt: Attempt }[] = [];
  const missed: ConnectFailure[] = [];
  const faults: unknown[] = [];
  const courier: Courier = {
    underWay: new Set(),
    queue,
    claim,
    clock,
    messages: 100,
    suppressed: () => undefined,
    open: async () => opened(session),
    openFor: async () => ({ kind: 'unoffered' }),
    sign: async () => ({ kind: 'signed', signatures: SIGNATURE }),
    hold: () => undefined,
    onInDoubt: () => 'Retry',
    expiresAt: ({ message }) => message.expiresAt,
    senderOf: ({ message }) => message.sender,
    settle: (lease, attempt) => settled.push({ lease, attempt }),
    ready: () => undefined,
    missed: (it) => missed.push(it),
    troubled: (thrown) => faults.push(thrown),
    ...over,
  };
  const put = async (count: number, message: Partial<Message> = {}): Promise<void> => {
    await Promise.all(Array.from({ length: count }, () => queue.put(aMessage(message))));
  };
  /** What nobody holds and is due. */
  const free = async (lane = LANE): Promise<Lease[]> => queue.lease(claim, lane, 100, hours(1));
  return { clock, storage, queue, claim, courier, session, settled, missed, faults, put, free };
}

describe('a connection', () => {
  test('sends what is due, signed, each in a transaction of its own, and hands over every attempt', async () => {
    const { courier, session, settled, put, free } = await open();
    await put(3);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect(session.sent.map((it) => it.recipients)).toEqual([['b@dest.test'], ['b@dest.test'], ['b@dest.test']]);
    const [first] = settled;
    expect(session.sent[0]).toMatchObject({ sender: 'a@example.com', body: '7BIT' });
    expect(session.sent[0]?.content).toEqual([SIGNATURE, first?.lease.message.raw]);
    expect(settled.map((it) => it.attempt)).toEqual(
      Array.from({ length: 3 }, () => ({
        stage: 'dot',
        reply: reply(250, '2.0.0', 'ok'),
        own: false,
        inDoubt: false,
        host: 'mx.dest.test [192.0.2.1]:25',
        source: '192.0.2.9',
        tls: 'TLSv1.3 X',
        took: 0,
      })),
    );
    expect([supply.ends, supply.takens, supply.putBacks, session.quits]).toEqual([['done'], 3, [], 1]);
    expect(supply.unusedMessages).toBe(7);
    expect(await free()).toEqual([]);
  });

  test('what was allowed and not attempted counts against nothing, however the connection ends', async () => {
    const full = { ...noCapabilities, limits: { mailMax: 1 } };
    const one = Object.assign(new FakeSession(), { capabilities: full });
    const { courier, put } = await open({}, one);
    await put(4);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([one.sent.length, supply.unusedMessages]).toEqual([1, 9]);
    const away = new FakeSupply();
    await deliver(away, { ...courier, open: async () => unreachable(failure('bind')) });
    expect([away.unusedMessages, away.ends]).toEqual([10, ['unplumbed']]);
  });

  test('begins nothing with an offer that came when it should not go on', async () => {
    const { courier, session, put, free } = await open();
    await put(1);
    const supply = Object.assign(new FakeSupply(), { goesOn: false });
    await deliver(supply, courier);
    expect([session.sent, supply.putBacks, supply.unusedMessages, supply.ends]).toEqual([[], [LANE], 10, ['done']]);
    expect(await free()).toHaveLength(1);
  });

  test('passes on what a message needs, and what was asked about reports, of each recipient their own', async () => {
    const { courier, session, put } = await open();
    const wishes = [{ orcpt: 'rfc822;x@first.test' }, { notify: ['NEVER' as const] }];
    await put(1, { recipients: ['b@dest.test', 'c@dest.test'], dsn: { ret: 'HDRS', recipients: wishes } });
    await put(1, { utf8: true });
    session.capabilities = { ...noCapabilities, smtpUtf8: true };
    await deliver(new FakeSupply(), courier);
    expect(session.sent.map((it) => it.utf8)).toEqual([undefined, true]);
    expect(session.sent.map((it) => it.dsn)).toEqual([{ ret: 'HDRS', recipients: wishes }, undefined]);
  });

  describe('with several recipients of one message', () => {
    const three = { recipients: ['b@dest.test', 'c@dest.test', 'd@dest.test'] };
    const at = (stage: 'rcpt' | 'dot', code: number, enhanced = '2.0.0') =>
      ({ reply: reply(code, enhanced, 'said'), stage, own: false }) as const;

    test('carries them in one transaction, and each has the verdict that was said of it', async () => {
      const session = new FakeSession(() => ({ verdicts: [at('dot', 250), at('rcpt', 550, '5.1.1'), at('dot', 250)] }));
      const { courier, settled, put } = await open({}, session);
      await put(1, three);
      await deliver(new FakeSupply(), courier);
      expect(session.sent.map((it) => it.recipients)).toEqual([three.recipients]);
      expect(settled.map((it) => [it.lease.recipient, it.attempt.reply.code, it.attempt.stage])).toEqual([
        ['b@dest.test', 250, 'dot'],
        ['c@dest.test', 550, 'rcpt'],
        ['d@dest.test', 250, 'dot'],
      ]);
    });

    test('is in doubt only for those whose verdict was lost', async () => {
      const lost = { reply: reply(451, '4.4.2', 'lost'), stage: 'dot', own: true } as const;
      const session = new FakeSession((it) => {
        it.isAlive = false;
        const cut = { stage: 'dot', kind: 'closed', inDoubt: true } as const;
        return { verdicts: [lost, at('rcpt', 550, '5.1.1'), lost], failure: cut };
      });
      const { courier, settled, put } = await open({}, session);
      await put(1, three);
      await deliver(new FakeSupply(), courier);
      expect(settled.map((it) => it.attempt.inDoubt)).toEqual([true, false, true]);
    });

    test('those that were too many go in the next transaction, at no cost, and no later one has more', async () => {
      const session = new FakeSession((it) =>
        it.transactions === 1
          ? { verdicts: [at('dot', 250), at('dot', 250), at('rcpt', 452, '4.5.3')] }
          : { verdicts: Array.from({ length: it.sent.at(-1)?.recipients.length ?? 0 }, () => at('dot', 250)) },
      );
      const { courier, settled, put } = await open({}, session);
      await put(1, three);
      const supply = new FakeSupply(LANE, LANE);
      await deliver(supply, courier);
      expect(session.sent.map((it) => it.recipients.length)).toEqual([3, 1]);
      expect(settled.map((it) => [it.lease.recipient, it.attempt.reply.code])).toEqual([
        ['b@dest.test', 250],
        ['c@dest.test', 250],
        ['d@dest.test', 250],
      ]);
      expect(supply.putBacks).toContain(LANE);
    });

    describe('of whom more are due than an offer has messages', () => {
      const many = (count: number): Partial<Message> => ({
        recipients: Array.from({ length: count }, (_, index) => `r${index}@dest.test`),
      });
      const takesAll = (it: FakeSession): TransactionResult => ({
        verdicts: Array.from({ length: it.sent.at(-1)?.recipients.length ?? 0 }, () => at('dot', 250)),
      });
      const sizes = (session: FakeSession): number[] => session.sent.map((it) => it.recipients.length);

      test('a hundred go together, each with one verdict, and the lane goes back for the others', async () => {
        const session = new FakeSession(takesAll);
        const { courier, settled, put, free } = await open({}, session);
        await put(1, many(250));
        const supply = new FakeSupply(LANE);
        await deliver(supply, courier);
        expect(sizes(session)).toEqual([100]);
        expect(new Set(settled.map((it) => it.lease.recipient)).size).toBe(100);
        expect([supply.putBacks, supply.unusedMessages]).toEqual([[LANE], 0]);
        expect(await free()).toHaveLength(100);
      });

      test('no more go than are allowed', async () => {
        const session = new FakeSession(takesAll);
        const { courier, put } = await open({}, session);
        await put(1, many(250));
        const supply = new FakeSupply();
        supply.moreMessages = 15;
        await deliver(supply, courier);
        expect([sizes(session), supply.asked, supply.unusedMessages]).toEqual([[25], [90], 0]);
      });

      test('those that were allowed and are not there count against nothing', async () => {
        const session = new FakeSession(takesAll);
        const { courier, claim, queue, put } = await open({}, session);
        await put(1, many(30));
        const others = await queue.lease(claim, LANE, 12, hours(1));
        const supply = new FakeSupply();
        await deliver(supply, courier);
        expect([sizes(session), supply.asked, supply.unusedMessages]).toEqual([[18], [20], 12]);
        expect(others).toHaveLength(12);
      });

      test('none come along to a receiver that takes few, to a return path of their own, or of another domain', async () => {
        const session = new FakeSession(takesAll);
        session.capabilities = { ...noCapabilities, limits: { rcptMax: 10 } };
        const { courier, put } = await open({}, session);
        await put(1, many(40));
        const supply = new FakeSupply(LANE, LANE);
        await deliver(supply, courier);
        // Before it has connected nobody knows what the receiver takes.
        expect([sizes(session), supply.asked]).toEqual([[10, 10, 10, 10], [30]]);
        const own = await open({ senderOf: ({ index }) => `return-${index}@example.com` });
        await own.put(1, many(40));
        const alone = new FakeSupply();
        await deliver(alone, own.courier);
        expect([own.session.sent.length, alone.asked]).toEqual([10, []]);
        const mixed = await open();
        await mixed.put(1, { recipients: ['b@dest.test', 'c@other.test'] });
        const single = new FakeSupply();
        await deliver(single, mixed.courier);
        expect(single.asked).toEqual([]);
      });

      test('what was not attempted is given back and counts against nothing', async () => {
        const { courier, put, free } = await open({ open: async () => unreachable(failure('connect')) });
        await put(1, many(40));
        const supply = new FakeSupply();
        await deliver(supply, courier);
        expect(supply.unusedMessages).toBe(39);
        expect(await free()).toHaveLength(39);
      });

      test('those that are held back stay behind', async () => {
        let room = 15;
        const hold = () => (room-- > 0 ? undefined : { pause: minutes(20), why: 'p/r' });
        const session = new FakeSession(takesAll);
        const { courier, settled, put } = await open({ hold }, session);
        await put(1, many(40));
        await deliver(new FakeSupply(), courier);
        expect(sizes(session)).toEqual([15]);
        expect(settled.filter((it) => it.attempt.pause === minutes(20))).toHaveLength(25);
      });
    });

    test('a return path for each needs a transaction for each', async () => {
      const { courier, session, put } = await open({ senderOf: ({ index }) => `return-${index}@example.com` });
      await put(1, three);
      await deliver(new FakeSupply(), courier);
      expect(session.sent.map((it) => it.recipients.length)).toEqual([1, 1, 1]);
    });

    test.each([
      { limits: { rcptMax: 2 }, want: [2, 1] },
      { limits: { rcptMax: 1 }, want: [1, 1, 1] },
      { limits: { rcptMax: 1, mailMax: 2 }, want: [1, 1] },
    ])('what the receiver announced is kept: $limits', async ({ limits, want }) => {
      const session = new FakeSession((it) => ({
        verdicts: Array.from({ length: it.sent.at(-1)?.recipients.length ?? 0 }, () => at('dot', 250)),
      }));
      session.capabilities = { ...noCapabilities, limits };
      const { courier, put } = await open({}, session);
      await put(1, three);
      await deliver(new FakeSupply(), courier);
      expect(session.sent.map((it) => it.recipients.length)).toEqual(want);
    });
  });

  describe('does not go to who is suppressed', () => {
    const WHY = reply(550, '5.7.1', 'is suppressed');
    const ENDED = { stage: 'local', reply: WHY, own: true, inDoubt: false };

    test('and is not even made when nobody else is due', async () => {
      let opens = 0;
      const { courier, settled, put, free } = await open({
        suppressed: async () => WHY,
        open: async () => unreachable(failure('connect', (opens += 1))),
      });
      await put(2);
      await deliver(new FakeSupply(), courier);
      expect(settled.map((it) => it.attempt)).toEqual([ENDED, ENDED]);
      expect([opens, await free()]).toEqual([0, []]);
    });

    test('who was suppressed while others had their turn', async () => {
      const suppressed = new Set<string>();
      const session = new FakeSession(() => {
        suppressed.add('c@dest.test');
        return TAKEN;
      });
      const { courier, settled, put } = await open({
        open: async () => opened(session),
        suppressed: ({ recipient }) => (suppressed.has(recipient) ? Promise.resolve(WHY) : undefined),
      });
      for (const to of ['b@dest.test', 'c@dest.test', 'd@dest.test']) await put(1, { recipients: [to] });
      await deliver(new FakeSupply(), courier);
      expect(session.sent.map((it) => it.recipients)).toEqual([['b@dest.test'], ['d@dest.test']]);
      expect(settled.map((it) => it.attempt.reply.code)).toEqual([250, 550, 250]);
    });

    test.each([0, 2])('and gives back what nobody can look up, after %i look-ups', async (good) => {
      let looks = 0;
      const { courier, settled, put, free, faults } = await open({
        suppressed: () => ((looks += 1) > good ? Promise.reject(new Error('no disk')) : undefined),
      });
      await put(2);
      await deliver(new FakeSupply(), courier);
      expect([settled, faults.length, (await free()).length]).toEqual([[], 1, 2]);
    });
  });

  test('says how long a transaction took', async () => {
    const { courier, clock, settled, put } = await open({ open: async () => opened(slow) }, new FakeSession());
    const slow = new FakeSession(() => {
      clock.advance(1234.4);
      return TAKEN;
    });
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(settled[0]?.attempt.took).toBe(1234);
  });

  test('goes on with other lanes until there is none', async () => {
    const { courier, session, settled, put } = await open();
    await put(1);
    await put(1, { recipients: ['c@other.test'] });
    const supply = new FakeSupply(LANE, OTHER, LANE);
    await deliver(supply, courier);
    expect(settled.map((it) => it.lease.recipient)).toEqual(['b@dest.test', 'c@other.test']);
    expect([session.transactions, supply.takens, supply.ends]).toEqual([2, 2, ['done']]);
    expect(supply.waits).toEqual([1, 2, 3].map(() => seconds(5)));
  });

  test('is not opened for a lane that turns out to be empty', async () => {
    let opens = 0;
    const { courier } = await open({ open: async () => unreachable(failure('connect', (opens += 1))) });
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([opens, supply.ends]).toEqual([0, ['done']]);
  });

  test.each([
    [9, []],
    [10, [LANE]],
    [25, [LANE]],
  ])('leases ten at most and puts the lane back when there may be more: %i waiting', async (count, putBacks) => {
    const { courier, settled, put, free } = await open();
    await put(count);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([settled.length, supply.putBacks]).toEqual([Math.min(count, 10), putBacks]);
    expect(await free()).toHaveLength(count - settled.length);
  });

  test('puts the lane back before it dials, so that another connection may help', async () => {
    const supply = new FakeSupply();
    const session = new FakeSession();
    const { courier, put } = await open({
      open: async () => {
        expect(supply.putBacks).toEqual([LANE]);
        return opened(session);
      },
    });
    await put(20);
    await deliver(supply, courier);
    expect(session.transactions).toBe(10);
  });

  test('carries no more messages than it may, over all its lanes', async () => {
    const { courier, settled, put, free } = await open({ messages: 4 });
    await put(3);
    await put(3, { recipients: ['c@other.test'] });
    const supply = new FakeSupply(LANE, OTHER, LANE);
    await deliver(supply, courier);
    expect(settled).toHaveLength(4);
    expect([supply.ends, supply.putBacks]).toEqual([['done'], [OTHER]]);
    expect(await free(OTHER)).toHaveLength(2);
  });

  test('signs the next message while one is under way', async () => {
    const signed: string[] = [];
    const session = new FakeSession((it) => {
      expect(signed).toHaveLength(Math.min(it.transactions + 1, 3));
      return TAKEN;
    });
    const { courier, settled, put } = await open({
      open: async () => opened(session),
      sign: async ({ message }) => {
        signed.push(message.id);
        return { kind: 'signed', signatures: SIGNATURE };
      },
    });
    await put(3);
    await deliver(new FakeSupply(), courier);
    expect(settled.map((it) => it.lease.message.id)).toEqual(signed);
  });
});

describe('a receiver that closes the door', () => {
  const closedAt = (stage: 'mail' | 'data'): TransactionResult => ({
    verdicts: [{ reply: reply(451, '4.4.2', 'closed'), stage, own: true }],
    failure: { stage, kind: 'closed', inDoubt: false },
  });

  test('with 421 before it took anything does not want us', async () => {
    const session = new FakeSession((it) => {
      it.isAlive = false;
      return said(421, '4.7.0', 'too busy');
    });
    const { courier, settled, put, free } = await open({}, session);
    await put(3);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([supply.takens, supply.pushes, supply.ends, settled.length]).toEqual([0, 1, ['refused'], 1]);
    expect(await free()).toHaveLength(2);
  });

  test('with 421 after it took something asks for less', async () => {
    const session = new FakeSession((it) => {
      it.isAlive = it.transactions < 2;
      return it.isAlive ? TAKEN : said(421, '4.7.0', 'enough');
    });
    const { courier, put } = await open({}, session);
    await put(3);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([supply.takens, supply.pushes, supply.ends]).toEqual([1, 1, ['done']]);
  });

  test.each([
    ['mail', 1, 2],
    ['data', 2, 1],
  ] as const)('between two messages, seen at %s, costs %i attempts', async (stage, attempts, left) => {
    const session = new FakeSession((it) => {
      it.isAlive = it.transactions < 2;
      return it.isAlive ? TAKEN : closedAt(stage);
    });
    const { courier, settled, put, free } = await open({}, session);
    await put(3);
    await deliver(new FakeSupply(), courier);
    expect(settled).toHaveLength(attempts);
    expect(await free()).toHaveLength(left);
  });
});

test('told to stop, a connection ends after the message under way', async () => {
  const supply = new FakeSupply();
  const session = new FakeSession(() => {
    supply.goesOn = false;
    return TAKEN;
  });
  const { courier, settled, put, free } = await open({}, session);
  await put(5);
  await deliver(supply, courier);
  expect([settled.length, supply.ends]).toEqual([1, ['done']]);
  expect(await free()).toHaveLength(4);
});

describe('told that time is short', () => {
  const broken: TransactionResult = {
    verdicts: [{ reply: reply(451, '4.4.2', 'we closed the connection'), stage: 'rcpt', own: true }],
    failure: { stage: 'rcpt', kind: 'closed', inDoubt: false },
  };

  /** Told so while the first transaction is under way. */
  async function cutDuring(isPastData: boolean, result: TransactionResult) {
    const session = new FakeSession((it) => {
      it.isPastData = isPastData;
      for (const run of courier.underWay) run.cutShort();
      return result;
    });
    const stage = await open({}, session);
    const { courier } = stage;
    await stage.put(3);
    const supply = new FakeSupply();
    supply.goesOn = true;
    const over = deliver(supply, courier);
    await over;
    return { ...stage, session };
  }

  test('a transaction before DATA is cut and costs no attempt', async () => {
    const { session, settled, free, courier } = await cutDuring(false, broken);
    expect([session.quits > 0, settled]).toEqual([true, []]);
    expect(await free()).toHaveLength(3);
    expect(courier.underWay.size).toBe(0);
  });

  test('a message past DATA is waited for', async () => {
    const { session, settled } = await cutDuring(true, TAKEN);
    expect([session.sent.length, settled.length]).toEqual([3, 3]);
  });

  test('a host that is still being dialled is left, and told goodbye when it answers', async () => {
    const dialled = Promise.withResolvers<Opening>();
    const session = new FakeSession();
    const { courier, put, free, settled } = await open({ open: () => dialled.promise }, session);
    await put(2);
    const supply = new FakeSupply();
    const over = deliver(supply, courier);
    await until('it is under way', () => courier.underWay.size > 0);
    for (const run of courier.underWay) run.cutShort();
    await over;
    expect([settled, supply.ends]).toEqual([[], ['done']]);
    expect(await free()).toHaveLength(2);
    dialled.resolve(opened(session));
    await until('it is told goodbye', () => session.quits === 1);
  });
});

describe('without a session', () => {
  test.each([
    ['connect', 'unreachable'],
    ['banner', 'refused'],
    ['ehlo', 'refused'],
    ['tls', 'refused'],
    ['bind', 'unplumbed'],
  ] as const)('a failure at %s ends the connection as %s', async (stage, end) => {
    const { courier, put } = await open({ open: async () => unreachable(failure(stage)) });
    await put(1);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([supply.ends, supply.whys]).toEqual([[end], [`451 4.4.1 no session: ${stage}`]]);
  });

  test('one message says why in the words of the report, and the others are given back', async () => {
    const { courier, settled, missed, put, free } = await open({ open: async () => unreachable(failure('banner')) });
    await put(2);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect(settled.map((it) => it.attempt)).toEqual([
      {
        stage: 'banner',
        reply: reply(451, '4.4.1', 'no session: banner'),
        own: true,
        inDoubt: false,
        host: 'mx.dest.test [192.0.2.1]:25',
        pause: seconds(15),
      },
    ]);
    expect([supply.ends, supply.takens, missed.length]).toEqual([['refused'], 0, 1]);
    expect(supply.whys).toEqual(['451 4.4.1 no session: banner']);
    expect((await free()).map((it) => it.attempts)).toEqual([0]);
  });

  test('for a fault of the source the mail pays nothing: it is given back untried', async () => {
    const { courier, settled, missed, put, free } = await open({ open: async () => unreachable(failure('bind')) });
    await put(3);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([settled, supply.ends, missed.length]).toEqual([[], ['unplumbed'], 1]);
    expect((await free()).map((it) => it.attempts)).toEqual([0, 0, 0]);
  });

  test.each([
    ['there is nobody to ask, everything held', 550, 2, 'done'],
    ['DNS does not answer, one message', 451, 1, 'unreachable'],
  ])('because %s is told so', async (_, code, count, end) => {
    const why = reply(code, '', 'no way');
    const { courier, settled, put } = await open({ open: async () => ({ kind: 'unroutable', reply: why }) });
    await put(2);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    const want = { stage: 'resolve', reply: why, own: true, inDoubt: false, pause: seconds(15) };
    expect(settled.map((it) => it.attempt)).toEqual(Array.from({ length: count }, () => want));
    expect(supply.ends).toEqual([end]);
  });

  test('targets that failed before the one that worked are told of', async () => {
    const session = new FakeSession();
    const { courier, missed, settled, put } = await open({
      open: async () => opened(session, failure('connect'), failure('tls')),
    });
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(missed.map((it) => it.stage)).toEqual(['connect', 'tls']);
    expect(settled).toHaveLength(1);
  });

  test('an opening that fails by itself gives everything back', async () => {
    const bug = new Error('resolver gone');
    const { courier, faults, settled, put, free } = await open({ open: () => Promise.reject(bug) });
    await put(2);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([faults, settled, supply.ends]).toEqual([[bug], [], ['unreachable']]);
    expect(await free()).toHaveLength(2);
  });
});

describe('a session that ends', () => {
  test('in the middle of a batch gives the rest back untried', async () => {
    const session = new FakeSession((it) => {
      it.isAlive = it.transactions < 2;
      return it.isAlive ? TAKEN : said(421, '4.3.2', 'closing');
    });
    const { courier, settled, put, free } = await open({}, session);
    await put(5);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect(settled.map((it) => it.attempt.reply.code)).toEqual([250, 421]);
    expect((await free()).map((it) => it.attempts)).toEqual([0, 0, 0]);
    expect([supply.ends, session.quits]).toEqual([['done'], 1]);
  });

  test('while it was idle costs the next message nothing', async () => {
    const { courier, session, settled, put, free } = await open();
    await put(1);
    await put(1, { recipients: ['c@other.test'] });
    const supply = new FakeSupply(LANE, OTHER);
    const next = supply.next.bind(supply);
    supply.next = async (idle) => {
      session.isAlive = false;
      return next(idle);
    };
    await deliver(supply, courier);
    expect([settled.length, session.transactions, supply.ends]).toEqual([1, 1, ['done']]);
    expect((await free(OTHER)).map((it) => it.attempts)).toEqual([0]);
  });

  test('after the final dot leaves the message in doubt', async () => {
    const session = new FakeSession((it) => {
      it.isAlive = false;
      const verdict = { reply: reply(451, '4.4.2', 'connection lost'), stage: 'dot' as const, own: true };
      return { verdicts: [verdict], failure: { stage: 'dot', kind: 'closed', inDoubt: true } };
    });
    const { courier, settled, put } = await open({}, session);
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(settled[0]?.attempt).toMatchObject({ stage: 'dot', own: true, inDoubt: true });
  });

  test('with a fault gives the others back, and the connection is over', async () => {
    const bug = new Error('no mail');
    const { courier, faults, settled, put, free } = await open({}, new FakeSession(() => Promise.reject(bug)));
    await put(3);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect([faults, settled, supply.ends]).toEqual([[bug], [], ['unreachable']]);
    expect(await free()).toHaveLength(2);
  });
});

describe('a message', () => {
  test('whose time ran out in the queue is not sent', async () => {
    const { courier, clock, session, settled, put } = await open();
    await put(1, { expiresAt: clock.now() });
    await put(1, { expiresAt: clock.now() + 1 });
    await deliver(new FakeSupply(), courier);
    expect(session.transactions).toBe(1);
    expect(settled.map((it) => it.attempt)).toMatchObject([
      { stage: 'local', reply: { code: 451, enhanced: '4.4.7' }, own: true, inDoubt: false },
      { stage: 'dot' },
    ]);
  });

  test('whose time ran out while its site could not be reached says why it could not', async () => {
    const { courier, clock, settled, put } = await open({ expiresAt: () => clock.now() });
    await put(1);
    const supply = new FakeSupply();
    supply.trouble = '451 4.4.1 no connection (ECONNREFUSED)';
    await deliver(supply, courier);
    expect(settled[0]?.attempt.reply.text).toMatch(/time ran out .*: 451 4\.4\.1 no connection \(ECONNREFUSED\)$/);
  });

  test('that may not go twice is on record before its dot, and is not sent again after a crash', async () => {
    const { courier, queue, claim, session, settled, put } = await open({ onInDoubt: () => 'Hold' });
    await put(1);
    await deliver(new FakeSupply(), courier);
    await session.beforeDot?.();
    const again = await queue.claim(0);
    await deliver(new FakeSupply(), { ...courier, claim: again });
    expect(claim).not.toEqual(again);
    expect(session.transactions).toBe(1);
    expect(settled[1]).toMatchObject({ lease: { inDoubt: true }, attempt: { stage: 'dot', own: true, inDoubt: true } });
  });

  test("that may go twice waits for nothing before its dot, and does not go once the shard is another's", async () => {
    const { courier, session, put, queue } = await open();
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(session.beforeDot?.()).toBeUndefined();
    await queue.claim(0);
    await expect(session.beforeDot?.()).rejects.toMatchObject({ code: 'lease-void' });
  });

  test('that is held back waits by itself, those behind it go', async () => {
    const { courier, session, settled, put } = await open({
      hold: ({ recipient }) => (recipient === 'held@dest.test' ? { pause: minutes(20), why: 'p/r' } : undefined),
    });
    await put(1, { recipients: ['held@dest.test'] });
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(session.sent.map((it) => it.recipients)).toEqual([['b@dest.test']]);
    expect(settled[0]?.attempt).toMatchObject({
      stage: 'local',
      reply: { code: 451, text: 'held back by p/r' },
      pause: minutes(20),
    });
  });

  test('that cannot be signed waits, and those behind it go', async () => {
    const why = reply(451, '4.7.5', 'no DKIM key for example.com');
    const { courier, session, settled, put } = await open({
      sign: async ({ recipient }) =>
        recipient === 'unsigned@dest.test'
          ? { kind: 'unsignable', reply: why }
          : { kind: 'signed', signatures: SIGNATURE },
    });
    await put(1, { recipients: ['unsigned@dest.test'] });
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(session.sent.map((it) => it.recipients)).toEqual([['b@dest.test']]);
    expect(settled.map((it) => it.attempt)).toMatchObject([
      { stage: 'local', reply: why, own: true, inDoubt: false },
      { stage: 'dot' },
    ]);
  });

  test('of which the receiver says nothing is tried again', async () => {
    const { courier, settled, put } = await open({}, new FakeSession(() => ({ verdicts: [] })));
    await put(1);
    await deliver(new FakeSupply(), courier);
    expect(settled[0]?.attempt).toMatchObject({ reply: { code: 451 }, own: true });
  });

  test('is held as long as those before it take', async () => {
    const { courier, clock, settled, put, free } = await open({ open: async () => opened(slow) });
    const slow = new FakeSession(async () => {
      clock.advance(minutes(40));
      const attempted = new Set(settled.map((it) => it.lease.message.id));
      expect((await free()).filter((it) => !attempted.has(it.message.id))).toEqual([]);
      return TAKEN;
    });
    await put(4);
    await deliver(new FakeSupply(), courier);
    expect(settled).toHaveLength(4);
  });
});

describe('mail that needs SMTPUTF8, at a host that does not offer it', () => {
  /** A host that offers it, and how it was asked for. */
  function another(answer?: ConstructorParameters<typeof FakeSession>[0]) {
    const offering = new FakeSession(answer);
    offering.capabilities = { ...noCapabilities, smtpUtf8: true };
    const asked: string[] = [];
    const openFor: Courier['openFor'] = async (need) => {
      asked.push(need);
      return { kind: 'session', session: offering, failures: [] };
    };
    return { offering, openFor, asked };
  }
  const codes = (settled: readonly { readonly lease: Lease; readonly attempt: Attempt }[]): (string | number)[][] =>
    settled.map(({ lease, attempt }) => [lease.recipient, attempt.stage, attempt.reply.code, attempt.reply.enhanced]);

  test.each<[string, Partial<Message>]>([
    ['a header', { utf8: true }],
    ['a recipient', { recipients: ['bé@dest.test'] }],
    ['a sender', { sender: 'é@example.com' }],
  ])('is sent by another host, after all that could go (%s)', async (_, message) => {
    const { offering, openFor, asked } = another();
    const { courier, session, settled, put, free } = await open({ openFor });
    await put(1);
    await put(1, message);
    await put(1);
    const supply = new FakeSupply(LANE, LANE);
    await deliver(supply, courier);
    expect([session.sent.length, offering.sent.length, asked]).toEqual([2, 1, ['SMTPUTF8']]);
    expect([session.quits, offering.quits]).toEqual([1, 1]);
    expect(settled.map((it) => it.attempt.reply.code)).toEqual([250, 250, 250]);
    // Nothing else is taken up.
    expect([supply.ends, supply.takens, supply.waits, supply.unusedMessages]).toEqual([['done'], 3, [], 7]);
    expect(await free()).toEqual([]);
  });

  test('is bounced with 5.6.7 when no host offers it, and nothing rests for it', async () => {
    const { courier, settled, put } = await open();
    await put(2, { utf8: true });
    await put(1);
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect(codes(settled)).toEqual([
      ['b@dest.test', 'dot', 250, '2.0.0'],
      ['b@dest.test', 'local', 553, '5.6.7'],
      ['b@dest.test', 'local', 553, '5.6.7'],
    ]);
    expect([supply.ends, supply.pushes]).toEqual([['done'], 0]);
  });

  const report = failure('connect');
  test.each<[string, Awaited<ReturnType<Courier['openFor']>>, number]>([
    ['a host cannot be reached', { kind: 'unreachable', report, failures: [report] }, 1],
    ['DNS does not answer any more', { kind: 'unroutable', reply: reply(451, '4.4.3', 'no answer') }, 0],
  ])('waits, at the cost of an attempt, while %s', async (_, opening, misses) => {
    const { courier, settled, missed, put } = await open({ openFor: async () => opening });
    await put(1, { utf8: true });
    const supply = new FakeSupply();
    await deliver(supply, courier);
    expect(codes(settled)).toEqual([['b@dest.test', 'local', 451, '4.4.1']]);
    expect(settled[0]?.attempt.pause).toBeUndefined();
    expect([supply.ends, supply.pushes, missed.length]).toEqual([['done'], 0, misses]);
  });

  test('is not asked for in a loop at a host that hangs up', async () => {
    const { offering, openFor } = another();
    offering.isAlive = false;
    const { courier, settled, put, free } = await open({ openFor });
    await put(1, { utf8: true });
    await deliver(new FakeSupply(), courier);
    expect(codes(settled)).toEqual([['b@dest.test', 'local', 451, '4.4.1']]);
    expect(await free()).toEqual([]);
  });

  test('is given back, and nobody else is dialled, when nothing more should be begun', async () => {
    const { openFor, asked } = another();
    const { courier, settled, put, free } = await open({ openFor });
    await put(2, { utf8: true });
    const supply = new FakeSupply();
    courier.hold = () => {
      supply.goesOn = false;
      return undefined;
    };
    await deliver(supply, courier);
    expect([asked, settled, (await free()).length, supply.unusedMessages]).toEqual([[], [], 2, 10]);
  });

  test('is sent by another host also when the first closes before its other mail has gone', async () => {
    const { offering, openFor } = another();
    const session = new FakeSession((it) => {
      it.isAlive = false;
      return said(421, '4.3.2', 'enough');
    });
    const { courier, settled, put, free } = await open({ openFor }, session);
    await put(1, { utf8: true });
    await put(2);
    await deliver(new FakeSupply(), courier);
    expect([session.sent.length, offering.sent.length, settled.length]).toEqual([1, 1, 2]);
    expect((await free()).map((it) => it.attempts)).toEqual([0]);
  });
});

describe('while outcomes cannot be recorded', () => {
  test('nothing is leased, and nobody is dialled', async () => {
    const mended = Promise.withResolvers<void>();
    const { courier, session, settled, put, free } = await open({ ready: () => mended.promise });
    await put(2);
    const running = deliver(new FakeSupply(), courier);
    const held = await free();
    expect(held).toHaveLength(2);
    courier.queue.giveBack(held);
    expect(session.transactions).toBe(0);
    mended.resolve();
    await running;
    expect(settled).toHaveLength(2);
  });

  test('no further message of a batch is sent', async () => {
    const mended = Promise.withResolvers<void>();
    let waiting = 0;
    const { courier, session, settled, put } = await open({
      ready: () => {
        if (session.transactions !== 1) return undefined;
        waiting += 1;
        return mended.promise;
      },
    });
    await put(3);
    const running = deliver(new FakeSupply(), courier);
    await until('the connection to wait', () => waiting > 0);
    expect(session.transactions).toBe(1);
    mended.resolve();
    await running;
    expect(settled).toHaveLength(3);
  });

  test('for longer than leases hold, what was held is left to whoever has it now', async () => {
    const mended = Promise.withResolvers<void>();
    let waiting = 0;
    const { courier, clock, session, settled, put, free } = await open({
      ready: () => {
        if (session.transactions !== 1) return undefined;
        waiting += 1;
        return mended.promise;
      },
    });
    await put(3);
    const supply = new FakeSupply();
    const running = deliver(supply, courier);
    await until('the connection to wait', () => waiting > 0);
    clock.advance(minutes(46));
    expect(await free()).toHaveLength(3);
    mended.resolve();
    await running;
    expect([session.transactions, settled.length, supply.ends]).toEqual([1, 1, ['done']]);
  });
});

test('when the queue cannot be read, the lane goes back and it is told', async () => {
  const { courier, storage, faults, session, put } = await open();
  await put(1);
  await storage.database.write([{ sql: 'ALTER TABLE entry RENAME TO hidden', params: [] }]);
  const supply = new FakeSupply();
  await deliver(supply, courier);
  await storage.database.write([{ sql: 'ALTER TABLE hidden RENAME TO entry', params: [] }]);
  expect(faults).toEqual([expect.objectContaining({ code: 'storage-failed' })]);
  expect([supply.putBacks, supply.ends, session.transactions]).toEqual([[LANE], ['unreachable'], 0]);
});
