/**
 * What every queue promises, as tests. An adapter's own test file calls `queueContract` and nothing else of it.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { until } from '../../test/harness/until.ts';
import type { EventType, MailEvent } from '../mail/event.ts';
import { type Message, newMessageId } from '../mail/message.ts';
import type { Outcome } from '../mail/outcome.ts';
import { reply } from '../mail/reply.ts';
import type { Claim, Lease, Life, Look, Once, Place, Queue, Settlement } from './queue.ts';

/** An adapter over storage that outlives it. */
export interface QueueHarness {
  /** A queue over this harness's storage, as a new process would open it. */
  open(clock: FakeClock): Promise<Queue>;
  /** Ends the queue that was opened last, without telling it to finish anything. */
  crash(): Promise<void>;
  /** Every event on record, oldest first. */
  events(): Promise<readonly MailEvent[]>;
  /** Removes the storage. */
  dispose(): Promise<void>;
}

const LANE = 'tenant pools/main dest.test';
const HOLD = minutes(10);
/** Time for a test that does much. */
const MUCH = 30_000;

let count = 0;
const message = (over: Partial<Message> = {}): Message => ({
  id: `message${String((count += 1)).padStart(19, '0')}`,
  acceptedAt: Date.UTC(2026, 0, 1),
  expiresAt: Date.UTC(2026, 0, 4),
  tenant: 'tenant',
  credential: 'tenant.app',
  domain: 'example.com',
  pool: 'pools/main',
  via: 'smtp',
  sender: 'a@example.com',
  body: '7BIT',
  recipients: ['b@dest.test'],
  raw: Buffer.from(`Subject: ${count}\r\n\r\nbody\r\n`),
  ...over,
});

const EVENT_OF: Record<Outcome['kind'], EventType> = {
  delivered: 'delivered',
  bounced: 'bounced',
  expired: 'expired',
  later: 'deferred',
};

function settlement(lease: Lease, outcome: Outcome, owesReport = false): Settlement {
  const event: MailEvent = {
    v: 1,
    at: 0,
    type: EVENT_OF[outcome.kind],
    message: lease.message.id,
    index: lease.index,
    tenant: lease.message.tenant,
    sender: lease.message.sender,
    recipient: lease.recipient,
    reply: '',
    attempt: lease.attempts + 1,
  };
  return { lease, outcome, event, owesReport };
}

const delivered: Outcome = { kind: 'delivered', reply: reply(250, '2.0.0', 'ok') };
const bounced: Outcome = { kind: 'bounced', reply: reply(550, '5.1.1', 'no such user') };
const later = (due: number): Extract<Outcome, { kind: 'later' }> => ({
  kind: 'later',
  reply: reply(451, '4.7.1', 'later'),
  due,
});

export function queueContract(name: string, make: () => QueueHarness): void {
  describe(`${name} keeps the promises of the queue port`, () => {
    let harness: QueueHarness;
    let clock: FakeClock;
    let queue: Queue;
    let claim: Claim;

    const reopen = async (): Promise<void> => {
      await harness.crash();
      queue = await harness.open(clock);
      claim = await queue.claim(0);
    };
    const leaseAll = (max = 100): Promise<Lease[]> => queue.lease(claim, LANE, max, HOLD);
    const depth = (): number => queue.depth().reduce((sum, it) => sum + it.depth, 0);
    const settle = (lease: Lease, outcome: Outcome, owes = false) =>
      queue.settle(claim, [settlement(lease, outcome, owes)]);
    const leaseOne = async (): Promise<Lease> => {
      const [lease] = await leaseAll(1);
      if (!lease) throw new Error('nothing to lease');
      return lease;
    };

    beforeEach(async () => {
      harness = make();
      clock = new FakeClock();
      queue = await harness.open(clock);
      claim = await queue.claim(0);
    });
    afterEach(async () => {
      await harness.crash();
      await harness.dispose();
    });

    test('a claim is held until it is released, or somebody else claims', async () => {
      expect(await queue.holds(claim, LANE)).toBe(true);
      const anew = await queue.claim(0);
      expect([await queue.holds(claim, LANE), await queue.holds(anew, LANE)]).toEqual([false, true]);
      await queue.release(anew);
      expect(await queue.holds(anew, LANE)).toBe(false);
    });

    test('what was put is leased with every field and byte', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@other.test'], raw: Buffer.from([0x41, 0, 0xff, 13, 10]) });
      await queue.put(put);
      const lease = await leaseOne();
      expect(lease).toMatchObject({ index: 0, recipient: 'b@dest.test', attempts: 0, lane: LANE });
      expect(lease.message).toEqual(put);
    });

    test(
      'a lease of large messages takes few at a time, oldest first, and the lane is told of again',
      async () => {
        const raw = Buffer.alloc(3 * 1024 * 1024, 'x');
        const large = Array.from({ length: 5 }, () => message({ raw }));
        for (const it of large) await queue.put(it);
        await queue.put(message({ recipients: ['b@dest.test', 'c@dest.test'], raw }));
        await reopen();
        const told: string[] = [];
        queue.watch(claim, (lane) => told.push(lane));
        const taken: string[] = [];
        for (let round = 1; taken.length < 7; round += 1) {
          await until('the lane is told of', () => told.length >= round);
          const leases = await leaseAll(5);
          expect(leases.length).toBeGreaterThan(0);
          expect(new Set(leases.map((it) => it.message)).size).toBeLessThanOrEqual(3);
          taken.push(...leases.map((it) => it.message.id));
          await queue.settle(
            claim,
            leases.map((it) => settlement(it, delivered)),
          );
        }
        expect([...new Set(taken)].slice(0, 5)).toEqual(large.map((it) => it.id));
        expect(depth()).toBe(0);
      },
      MUCH,
    );

    describe('more recipients of a message that is leased', () => {
      const many = (length: number): string[] => Array.from({ length }, (_, index) => `r${index}@dest.test`);
      const along = async (lease: Lease, max: number): Promise<string[]> =>
        (await queue.leaseAlong(claim, lease, max, HOLD)).map((it) => it.recipient);

      test('come along, each once, and are settled as any lease', async () => {
        const put = message({ recipients: many(250) });
        await queue.put(message());
        await queue.put(put);
        await queue.put(message());
        const leases = await leaseAll(10);
        const last = leases.at(-1);
        if (!last) throw new Error('something is due');
        const more = await queue.leaseAlong(claim, last, 91, HOLD);
        expect(more).toHaveLength(91);
        expect(more.every((it) => it.message === last.message && it.attempts === 0 && it.lane === LANE)).toBe(true);
        const rest = await leaseAll(1000);
        expect(rest).toHaveLength(252 - 101);
        const all = [...leases, ...more, ...rest];
        expect(new Set(all.map((it) => `${it.message.id} ${it.index}`)).size).toBe(252);
        expect(await along(last, 10)).toEqual([]);
        await queue.settle(
          claim,
          all.map((it) => settlement(it, delivered)),
        );
        expect(depth()).toBe(0);
      });

      test('are of its own lane, and due', async () => {
        await queue.put(message({ recipients: ['b@dest.test', 'd@other.test', 'e@dest.test', 'f@dest.test'] }));
        const [first, second] = await leaseAll(2);
        if (!first || !second) throw new Error('two are due');
        await settle(second, later(clock.now() + minutes(15)));
        expect(await along(first, 10)).toEqual(['f@dest.test']);
        clock.advance(minutes(9));
        queue.renew([first], HOLD);
        clock.advance(minutes(6));
        expect(await along(first, 10)).toEqual(['f@dest.test', 'e@dest.test']);
      });

      test('are told of when they are left behind, or given back', async () => {
        await queue.put(message({ recipients: many(150) }));
        const told: string[] = [];
        queue.watch(claim, (lane) => told.push(lane));
        const [first] = await leaseAll(1);
        if (!first) throw new Error('one is due');
        const more = await queue.leaseAlong(claim, first, 120, HOLD);
        expect(await leaseAll(1000)).toHaveLength(29);
        told.length = 0;
        queue.giveBack(more);
        await until('the lane is told of', () => told.length > 0);
        expect(await leaseAll(1000)).toHaveLength(120);
      });

      test('are not given for a lease that is void, or under a claim that is stale', async () => {
        await queue.put(message({ recipients: many(3) }));
        const lease = await leaseOne();
        clock.advance(HOLD);
        expect(await along(lease, 10)).toEqual([]);
        const again = await leaseOne();
        const stale = claim;
        claim = await queue.claim(0);
        expect(await queue.leaseAlong(stale, again, 10, HOLD)).toEqual([]);
        expect(await leaseAll()).toHaveLength(3);
      });
    });

    describe('what has outlived its time', () => {
      const born = Date.UTC(2026, 0, 1);
      const isOver = (life: Life): boolean => life.expiresAt <= clock.now();
      const look = (over: Partial<Look> = {}) => queue.leaseOutlived(claim, LANE, { max: 100, isOver, ...over }, HOLD);

      test('is found wherever it waits in its lane, leased, and the rest left alone', async () => {
        const late = { recipients: ['late@dest.test'], expiresAt: born + minutes(5) };
        for (const over of [{}, late, {}, late, { ...late, notBefore: born + hours(1) }])
          await queue.put(message(over));
        await queue.put(message({ recipients: ['late@other.test'], expiresAt: born }));
        expect(await look()).toEqual({ leases: [], next: undefined });
        clock.advance(minutes(5));
        const { leases, next } = await look();
        expect(leases.map((it) => [it.recipient, it.index])).toEqual([
          ['late@dest.test', 0],
          ['late@dest.test', 0],
        ]);
        expect(next).toBeUndefined();
        expect((await look()).leases).toEqual([]);
        expect(await leaseAll()).toHaveLength(2);
        const refused = await queue.settle(
          claim,
          leases.map((it) => settlement(it, { kind: 'expired', reply: reply(554, '5.4.7', 'expired') })),
        );
        expect([refused, depth()]).toEqual([[], 4]);
      });

      test('is found a part of a lane at a time, also when all are due at once, and told of its life as it is', async () => {
        const lives: Life[] = [];
        const isLate = (life: Life): boolean => {
          lives.push(life);
          return lives.length === 250;
        };
        const notBefore = clock.now() + minutes(1);
        for (let at = 0; at < 3; at += 1)
          await queue.put(
            message({ recipients: Array.from({ length: 100 }, (_, to) => `r${to}@dest.test`), notBefore }),
          );
        clock.advance(minutes(1));
        let from: Place | undefined;
        const found: number[] = [];
        for (let round = 0; round === 0 || from; round += 1) {
          const { leases, next } = await look({ from, max: 120, isOver: isLate });
          found.push(leases.length);
          from = next;
        }
        expect([found, lives.length]).toEqual([[0, 0, 1], 300]);
        expect(lives[0]).toEqual({ acceptedAt: born, expiresAt: Date.UTC(2026, 0, 4), notBefore });
      });

      test('is leased a few at a time when it is large, and not under a claim that is stale', async () => {
        const raw = Buffer.alloc(3 * 1024 * 1024, 'x');
        for (let at = 0; at < 5; at += 1) await queue.put(message({ raw, expiresAt: clock.now() }));
        await reopen();
        const stale = claim;
        claim = await queue.claim(0);
        expect(await queue.leaseOutlived(stale, LANE, { max: 100, isOver }, HOLD)).toEqual({
          leases: [],
          next: undefined,
        });
        let from: Place | undefined;
        const found: number[] = [];
        for (let round = 0; round === 0 || from; round += 1) {
          const { leases, next } = await look({ from });
          expect(leases.length).toBeLessThanOrEqual(3);
          found.push(leases.length);
          from = next;
        }
        expect(found.reduce((sum, it) => sum + it, 0)).toBe(5);
      });
    });

    const once = (over: Partial<Once> = {}): Once => ({
      key: 'tenant key',
      hash: 'one',
      until: clock.now() + hours(24),
      note: 'a note',
      ...over,
    });

    test('what is put once under a key is there once, also after a crash, and another thing under it never', async () => {
      const [first, again, other] = [message(), message(), message()];
      expect(await queue.putOnce(first, once())).toEqual({ kind: 'put' });
      expect(await queue.putOnce(again, once())).toEqual({ kind: 'known', id: first.id, note: 'a note' });
      await reopen();
      expect(await queue.putOnce(again, once())).toEqual({ kind: 'known', id: first.id, note: 'a note' });
      expect(await queue.putOnce(again, once({ hash: 'other' }))).toEqual({ kind: 'conflict' });
      expect(await queue.known(once())).toEqual({ kind: 'known', id: first.id, note: 'a note' });
      expect(await queue.known(once({ hash: 'other' }))).toEqual({ kind: 'conflict' });
      expect(await queue.known(once({ key: 'other key' }))).toBeUndefined();
      expect(await queue.putOnce(other, once({ key: 'other key' }))).toEqual({ kind: 'put' });
      expect((await leaseAll()).map((it) => it.message.id)).toEqual([first.id, other.id]);
    });

    test('B07 a thousand at once under one key become one message', async () => {
      const answers = await Promise.all(Array.from({ length: 1000 }, () => queue.putOnce(message(), once())));
      expect(answers.filter((it) => it.kind === 'put')).toHaveLength(1);
      expect(new Set(answers.map((it) => (it.kind === 'known' ? it.id : '')))).toHaveLength(2);
      expect(depth()).toBe(1);
    });

    test('a key is forgotten after its time, and not before; that the message has ended does not matter', async () => {
      const first = message();
      await queue.putOnce(first, once());
      await settle(await leaseOne(), delivered);
      clock.advance(hours(24) - 1);
      expect(await queue.putOnce(message(), once())).toEqual({ kind: 'known', id: first.id, note: 'a note' });
      clock.advance(1);
      expect(await queue.putOnce(message(), once())).toEqual({ kind: 'put' });
    });

    test('a key of what could not be put is free', async () => {
      const there = message();
      await queue.put(there);
      await expect(queue.putOnce(there, once())).rejects.toMatchObject({ code: 'storage-failed' });
      expect(await queue.putOnce(message(), once({ hash: 'other' }))).toEqual({ kind: 'put' });
    });

    test('a message is in the queue for all its recipients or for none', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@other.test', 'd@dest.test'] });
      await queue.put(put);
      await expect(queue.put(put)).rejects.toMatchObject({ code: 'storage-failed' });
      expect(depth()).toBe(3);
      await reopen();
      expect(depth()).toBe(3);
    });

    test('an entry is given to one caller at a time, also when both ask at once', async () => {
      for (let at = 0; at < 10; at += 1) await queue.put(message());
      const both = await Promise.all([leaseAll(6), leaseAll(6)]);
      const ids = both.flat().map((it) => it.message.id);
      expect(ids).toHaveLength(10);
      expect(new Set(ids).size).toBe(10);
    });

    test('a lease that ran out is given again, and its late holder is refused', async () => {
      await queue.put(message());
      const first = await leaseOne();
      clock.advance(HOLD + seconds(2));
      const second = await leaseOne();
      expect(await settle(first, bounced)).toHaveLength(1);
      expect(await settle(second, delivered)).toHaveLength(0);
      expect((await harness.events()).map((it) => it.type)).toEqual(['queued', 'delivered']);
    });

    test('a lease that was renewed holds', async () => {
      await queue.put(message());
      const lease = await leaseOne();
      clock.advance(HOLD - seconds(1));
      queue.renew([lease], HOLD);
      clock.advance(HOLD - seconds(1));
      expect(await leaseAll()).toEqual([]);
      expect(await settle(lease, delivered)).toHaveLength(0);
    });

    test('settling twice is harmless', async () => {
      await queue.put(message());
      const lease = await leaseOne();
      const answers = await Promise.all([settle(lease, delivered), settle(lease, delivered)]);
      expect(answers.map((it) => it.length).toSorted((a, b) => a - b)).toEqual([0, 1]);
      expect(await settle(lease, bounced)).toHaveLength(1);
      expect((await harness.events()).map((it) => it.type)).toEqual(['queued', 'delivered']);
      expect(depth()).toBe(0);
    });

    test('a stale claim neither leases nor settles', async () => {
      await queue.put(message());
      const stale = claim;
      const lease = await leaseOne();
      claim = await queue.claim(0);
      expect(await queue.lease(stale, LANE, 1, HOLD)).toEqual([]);
      expect(await queue.settle(stale, [settlement(lease, delivered)])).toHaveLength(1);
      expect(await leaseAll()).toHaveLength(1);
    });

    test('releasing a claim frees what it held', async () => {
      await queue.put(message());
      await leaseOne();
      await queue.release(claim);
      claim = await queue.claim(0);
      expect(await leaseAll()).toHaveLength(1);
    });

    test('what was given back is due at once and counts no attempt', async () => {
      await queue.put(message());
      queue.giveBack([await leaseOne()]);
      expect(await leaseOne()).toMatchObject({ attempts: 0 });
    });

    test.each([
      ['2 seconds', seconds(2)],
      ['4 hours', hours(4)],
      ['2 days', hours(48)],
    ])('nothing comes before its time: %s', async (_, wait) => {
      await queue.put(message());
      await settle(await leaseOne(), later(clock.now() + wait));
      clock.advance(wait - 1);
      expect(await leaseAll()).toEqual([]);
      clock.advance(1);
      expect(await leaseOne()).toMatchObject({ attempts: 1 });
    });

    test.each([
      ['2 seconds', seconds(2)],
      ['2 days', hours(48)],
    ])(
      'what is put for later is not given before, and its lane is announced then, also after a crash: %s',
      async (_, wait) => {
        const told: string[] = [];
        await queue.put(message({ notBefore: clock.now() + wait }));
        await reopen();
        queue.watch(claim, (lane) => told.push(lane));
        await queue.put(message({ notBefore: clock.now() + wait }));
        clock.advance(wait - 1);
        expect([told, await leaseAll()]).toEqual([[], []]);
        expect(depth()).toBe(2);
        clock.advance(seconds(1));
        expect(told).toEqual([LANE]);
        expect((await leaseAll()).map((it) => [it.attempts, it.message.notBefore !== undefined])).toEqual([
          [0, true],
          [0, true],
        ]);
        expect((await harness.events()).every((it) => it.notBefore !== undefined)).toBe(true);
      },
    );

    test('a lane is announced when something is put, when it becomes due, and when a lease runs out', async () => {
      const told: string[] = [];
      queue.watch(claim, (lane) => told.push(lane));
      await queue.put(message());
      expect(told).toEqual([LANE]);
      const lease = await leaseOne();
      expect(await leaseAll()).toEqual([]);
      await settle(lease, later(clock.now() + minutes(15)));
      clock.advance(minutes(15) - 1);
      expect(told).toHaveLength(1);
      clock.advance(seconds(1));
      expect(told).toHaveLength(2);
      await leaseAll();
      clock.advance(HOLD + seconds(2));
      expect(told).toHaveLength(3);
    });

    test('a lane with more than was asked for stays announced', async () => {
      const told: string[] = [];
      for (let at = 0; at < 5; at += 1) await queue.put(message());
      queue.watch(claim, (lane) => told.push(lane));
      expect(await leaseAll(3)).toHaveLength(3);
      expect(await leaseAll(3)).toHaveLength(2);
      expect(told).toEqual([LANE]);
    });

    test('whoever claims anew is told of everything that is left', async () => {
      for (let at = 0; at < 4; at += 1) await queue.put(message());
      for (const lease of await leaseAll(2)) await settle(lease, delivered);
      claim = await queue.claim(0);
      const told: string[] = [];
      queue.watch(claim, (lane) => told.push(lane));
      expect(told).toEqual([LANE]);
      expect(await leaseAll()).toHaveLength(2);
    });

    test('the oldest due comes first', async () => {
      const ids = [message(), message({ acceptedAt: Date.UTC(2025, 0, 1) })];
      for (const put of ids) await queue.put(put);
      expect((await leaseAll()).map((it) => it.message.id)).toEqual([ids[1]?.id, ids[0]?.id]);
    });

    test('after a crash leases are void, outcomes stand, and depth is exact', async () => {
      for (let at = 0; at < 6; at += 1) await queue.put(message());
      const [first, second, ...rest] = await leaseAll();
      if (!first || !second) throw new Error('nothing leased');
      await settle(first, delivered);
      await settle(second, later(clock.now() + hours(1)));
      await reopen();
      expect(depth()).toBe(5);
      expect(await leaseAll()).toHaveLength(rest.length);
      clock.advance(hours(1));
      const tried = (await leaseAll()).filter((it) => it.attempts > 0);
      expect(tried.map((it) => it.message.id)).toEqual([second.message.id]);
    });

    test('outcome and event are one write: one event per outcome, in order', async () => {
      await queue.put(message({ recipients: ['b@dest.test', 'c@dest.test'] }));
      const [first, second] = await leaseAll();
      if (!first || !second) throw new Error('nothing leased');
      await queue.settle(claim, [settlement(first, later(clock.now())), settlement(second, delivered)]);
      await reopen();
      await settle(await leaseOne(), delivered);
      const types = (await harness.events()).map((it) => `${it.index} ${it.type}`);
      expect(types.toSorted()).toEqual(['0 deferred', '0 delivered', '0 queued', '1 delivered', '1 queued']);
    });

    test('a report is owed once all recipients were tried, and survives a crash', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@dest.test', 'd@dest.test'] });
      await queue.put(put);
      const [first, second, third] = await leaseAll();
      if (!first || !second || !third) throw new Error('nothing leased');
      await settle(first, bounced, true);
      await settle(second, bounced, true);
      expect(await queue.unreported(claim, 10)).toEqual([]);
      await settle(third, later(clock.now() + hours(1)));
      await reopen();
      const [owed, ...others] = await queue.unreported(claim, 10);
      expect(others).toEqual([]);
      expect(owed?.message).toEqual(put);
      expect(owed?.events.map((it) => [it.index, it.event.type])).toEqual([
        [0, 'bounced'],
        [1, 'bounced'],
      ]);
    });

    test('a recipient that waits without an attempt holds up no report', async () => {
      await queue.put(message({ recipients: ['b@dest.test', 'c@dest.test'] }));
      const [first, second] = await leaseAll();
      if (!first || !second) throw new Error('nothing leased');
      await settle(first, bounced, true);
      expect(await queue.unreported(claim, 10)).toEqual([]);
      await settle(second, { ...later(clock.now() + hours(1)), uncounted: true });
      expect(await queue.unreported(claim, 10)).toHaveLength(1);
    });

    test('a report is put and its debt cleared in one step', async () => {
      await queue.put(message());
      await settle(await leaseOne(), bounced, true);
      expect(depth()).toBe(0);
      const [owed] = await queue.unreported(claim, 10);
      if (!owed) throw new Error('nothing owed');
      await queue.report(claim, owed, message({ sender: '', recipients: ['a@example.com'] }));
      await reopen();
      expect(await queue.unreported(claim, 10)).toEqual([]);
      expect(queue.depth()).toEqual([{ lane: 'tenant pools/main example.com', depth: 1 }]);
    });

    test('a recipient that waits is reported once, however often it is said, and what becomes of it is another report', async () => {
      await queue.put(message());
      await settle(await leaseOne(), later(clock.now()), true);
      await settle(await leaseOne(), later(clock.now()), true);
      const [owed] = await queue.unreported(claim, 10);
      expect(owed?.events.map((it) => [it.event.type, it.event.attempt])).toEqual([['deferred', 1]]);
      if (!owed) throw new Error('nothing owed');
      await queue.report(claim, owed, undefined);
      await settle(await leaseOne(), later(clock.now()), true);
      await reopen();
      expect(await queue.unreported(claim, 10)).toEqual([]);
      await settle(await leaseOne(), bounced, true);
      // What was read before must not clear what came after.
      await queue.report(claim, owed, undefined);
      const [final] = await queue.unreported(claim, 10);
      expect(final?.events.map((it) => it.event.type)).toEqual(['bounced']);
    });

    test('a delivery is owed like a failure where the sender asked', async () => {
      await queue.put(message());
      await settle(await leaseOne(), delivered, true);
      expect(depth()).toBe(0);
      const [owed] = await queue.unreported(claim, 10);
      expect(owed?.events.map((it) => it.event.type)).toEqual(['delivered']);
    });

    test('list names the recipients of a selection that have not ended', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@dest.test', 'd@other.test'] });
      await queue.put(put);
      await queue.put(message());
      const [first, second] = await leaseAll(2);
      if (!first || !second) throw new Error('nothing leased');
      await settle(first, delivered);
      expect(await queue.list({ message: put.id }, 10)).toMatchObject([
        { index: 1, recipient: 'c@dest.test', state: 'leased', attempts: 0 },
        { index: 2, recipient: 'd@other.test', state: 'waiting', attempts: 0 },
      ]);
      expect(await queue.list({ domain: 'other.test' }, 10)).toHaveLength(1);
      expect(await queue.list({ tenant: 'somebody' }, 10)).toEqual([]);
      expect(await queue.list({}, 2)).toHaveLength(2);
    });

    test('list goes lane by lane, each by due time, and no further than was asked', async () => {
      const put = async (recipient: string, notBefore?: number): Promise<string> => {
        const it = message({ recipients: [recipient], ...(notBefore !== undefined && { notBefore }) });
        await queue.put(it);
        return it.id;
      };
      await put('z@z.test');
      await put('late@a.test', clock.now() + hours(2));
      await put('soon@a.test', clock.now() + hours(1));
      const held = await put('held@a.test');
      await queue.move(claim, { message: held }, { kind: 'suspend' });
      const listed = async (max: number) => (await queue.list({}, max)).map((it) => it.recipient.split('@')[0]);
      expect(await listed(10)).toEqual(['held', 'soon', 'late', 'z']);
      expect(await listed(3)).toEqual(['held', 'soon', 'late']);
      expect(await listed(2)).toEqual(['held', 'soon']);
      expect(await queue.list({ message: held }, 10)).toMatchObject([
        { due: clock.now(), lane: 'tenant pools/main a.test' },
      ]);
      expect(await queue.list({ message: held, domain: 'z.test' }, 10)).toEqual([]);
      expect(await queue.seize(claim, {}, 2, HOLD)).toHaveLength(2);
    });

    test('a part of a message that is moved leaves the rest where it is', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@dest.test', 'd@other.test'] });
      await queue.put(put);
      await queue.put(message());
      const lease = await leaseOne();
      const selection = { message: put.id, domain: 'dest.test' };
      expect(await queue.move(claim, selection, { kind: 'resume' })).toBe(0);
      expect(await queue.move(claim, selection, { kind: 'suspend' })).toBe(1);
      expect((await queue.list({ message: put.id }, 10)).map((it) => it.state)).toEqual([
        'leased',
        'suspended',
        'waiting',
      ]);
      expect(await queue.move(claim, selection, { kind: 'reroute', pool: 'pools/main' })).toBe(0);
      queue.giveBack([lease]);
      expect((await leaseAll()).map((it) => [it.message.id === put.id, it.index])).toEqual([
        [true, 0],
        [false, 0],
      ]);
    });

    test('what is retried is told of at once, and what is resumed when it is due', async () => {
      const told: string[] = [];
      queue.watch(claim, (lane) => told.push(lane));
      await queue.put(message({ notBefore: clock.now() + hours(1) }));
      await queue.move(claim, {}, { kind: 'suspend' });
      await queue.move(claim, {}, { kind: 'resume' });
      expect(told).toEqual([]);
      await queue.move(claim, {}, { kind: 'retry' });
      expect(told).toEqual([LANE]);
      expect(await leaseAll()).toHaveLength(1);
    });

    test('what is suspended is not given, counts, survives a crash, and comes back when resumed', async () => {
      await queue.put(message());
      await queue.put(message({ recipients: ['b@other.test'] }));
      expect(await queue.move(claim, { domain: 'dest.test' }, { kind: 'suspend' })).toBe(1);
      expect(await queue.move(claim, { domain: 'dest.test' }, { kind: 'suspend' })).toBe(0);
      expect(await leaseAll()).toEqual([]);
      await reopen();
      expect(depth()).toBe(2);
      expect(await leaseAll()).toEqual([]);
      const told: string[] = [];
      queue.watch(claim, (lane) => told.push(lane));
      expect(await queue.move(claim, { domain: 'dest.test' }, { kind: 'resume' })).toBe(1);
      expect(told).toContain(LANE);
      expect(await leaseAll()).toHaveLength(1);
    });

    test('what waits without an attempt keeps its count, also after a crash', async () => {
      await queue.put(message());
      await settle(await leaseOne(), later(clock.now() + minutes(1)));
      clock.advance(minutes(1));
      await settle(await leaseOne(), { ...later(clock.now() + minutes(1)), uncounted: true });
      await reopen();
      clock.advance(minutes(1));
      expect(await leaseOne()).toMatchObject({ attempts: 1 });
    });

    test('what should leave from an address again waits in a lane for it, also after a crash, and for once', async () => {
      const pinned = `${LANE} from=192.0.2.1`;
      const [from, next] = [{ from: '192.0.2.1' }, clock.now() + minutes(1)];
      await queue.put(message());
      await settle(await leaseOne(), { ...later(next), ...from });
      expect(queue.depth()).toEqual([{ lane: pinned, depth: 1 }]);
      await reopen();
      clock.advance(minutes(1));
      expect(await leaseAll()).toEqual([]);
      const [lease] = await queue.lease(claim, pinned, 1, HOLD);
      expect(lease).toMatchObject({ lane: pinned, attempts: 1 });
      if (lease) await settle(lease, later(clock.now() + minutes(1)));
      expect(queue.depth()).toEqual([{ lane: LANE, depth: 1 }]);
      clock.advance(minutes(1));
      expect(await leaseOne()).toMatchObject({ attempts: 2 });
    });

    test('bulk mail has a lane of its own', async () => {
      await queue.put(message({ priority: 'bulk' }));
      await queue.put(message());
      expect(new Set(queue.depth().map((it) => it.lane))).toEqual(new Set([LANE, `${LANE} bulk`]));
      expect(await queue.lease(claim, `${LANE} bulk`, 10, HOLD)).toHaveLength(1);
    });

    test('what is held is not given until somebody says so, also after a crash', async () => {
      await queue.put(message());
      await settle(await leaseOne(), { ...later(clock.now() + minutes(1)), held: true });
      await reopen();
      clock.advance(hours(1));
      expect(await leaseAll()).toEqual([]);
      expect(await queue.list({}, 10)).toMatchObject([{ state: 'suspended', attempts: 1 }]);
      expect(depth()).toBe(1);
      await queue.move(claim, {}, { kind: 'resume' });
      expect(await leaseOne()).toMatchObject({ attempts: 1 });
    });

    test('what may have been handed over says so after a crash, until it is settled', async () => {
      await queue.put(message());
      const first = await leaseOne();
      expect(first).not.toHaveProperty('inDoubt');
      expect(await queue.intend(claim, first)).toBe(true);
      await reopen();
      const second = await leaseOne();
      expect(second).toMatchObject({ inDoubt: true });
      await settle(second, later(clock.now()));
      expect(await leaseOne()).not.toHaveProperty('inDoubt');
    });

    test('who holds no lease any more hands nothing over', async () => {
      await queue.put(message());
      const late = await leaseOne();
      clock.advance(HOLD + 1);
      expect(await queue.intend(claim, late)).toBe(false);
      const stale = claim;
      const lease = await until('the lease is void', async () => (await leaseAll())[0]);
      claim = await queue.claim(0);
      expect(await queue.intend(stale, lease)).toBe(false);
    });

    test('what is retried is due now, what is leased stays where it is', async () => {
      await queue.put(message());
      await queue.put(message());
      const [first] = await leaseAll();
      if (!first) throw new Error('nothing leased');
      await settle(first, later(clock.now() + hours(2)));
      expect(await queue.move(claim, {}, { kind: 'retry' })).toBe(1);
      expect(await leaseOne()).toMatchObject({ attempts: 1, message: { id: first.message.id } });
    });

    test(
      'a move reaches all of a lane, however much there is, waiting and suspended',
      async () => {
        const recipients = Array.from({ length: 1100 }, (_, at) => `b${at}@dest.test`);
        await queue.put(message({ recipients }));
        await queue.put(message({ recipients }));
        expect(await queue.move(claim, {}, { kind: 'suspend' })).toBe(2200);
        await queue.put(message({ recipients, notBefore: clock.now() + hours(1) }));
        expect(await queue.move(claim, {}, { kind: 'retry' })).toBe(3300);
        expect(
          (await queue.list({}, 5000)).filter((it) => it.state === 'waiting' && it.due <= clock.now()),
        ).toHaveLength(3300);
        expect(await queue.move(claim, { message: 'unknown' }, { kind: 'suspend' })).toBe(0);
        expect(await queue.move(claim, {}, { kind: 'reroute', pool: 'pools/warm' })).toBe(3300);
        expect(queue.depth()).toEqual([{ lane: 'tenant pools/warm dest.test', depth: 3300 }]);
      },
      MUCH,
    );

    test('a glance at a lane shows what is next, the oldest, and one that was tried', async () => {
      const none = { next: undefined, oldest: undefined, latest: undefined, suspended: 0, isExact: true };
      expect(await queue.glance(LANE)).toEqual(none);
      const [start, random] = [clock.now(), seededRandom(1)];
      const old = message({ id: newMessageId(start, random) });
      await queue.put(old);
      clock.advance(minutes(1));
      const young = message({ id: newMessageId(clock.now(), random), acceptedAt: clock.now() });
      await queue.put(young);
      const lease = await leaseOne();
      expect(lease.message.id).toBe(old.id);
      await settle(lease, later(clock.now() + hours(1)));
      const latest = { message: old.id, index: 0 };
      expect(await queue.glance(LANE)).toEqual({ ...none, next: young.acceptedAt, oldest: start, latest });
      await queue.move(claim, {}, { kind: 'suspend' });
      expect(await queue.glance(LANE)).toMatchObject({ next: undefined, oldest: start, suspended: 2 });
    });

    test('one lane is moved, listed and seized alone', async () => {
      await queue.put(message());
      await queue.put(message({ priority: 'bulk' }));
      const bulk = `${LANE} bulk`;
      expect(await queue.move(claim, { lane: bulk }, { kind: 'suspend' })).toBe(1);
      expect(await queue.move(claim, { lane: LANE, tenant: 'somebody' }, { kind: 'suspend' })).toBe(0);
      expect(await queue.list({ lane: bulk }, 10)).toMatchObject([{ lane: bulk, state: 'suspended' }]);
      expect((await queue.seize(claim, { lane: LANE }, 10, HOLD)).map((it) => it.lane)).toEqual([LANE]);
    });

    test('what is rerouted leaves by the other pool', async () => {
      await queue.put(message());
      expect(await queue.move(claim, { pool: 'pools/main' }, { kind: 'reroute', pool: 'pools/warm' })).toBe(1);
      expect(await leaseAll()).toEqual([]);
      expect(queue.depth()).toEqual([{ lane: 'tenant pools/warm dest.test', depth: 1 }]);
      expect(await queue.lease(claim, 'tenant pools/warm dest.test', 10, HOLD)).toHaveLength(1);
    });

    test('what is seized can be settled before its time, and only once', async () => {
      await queue.put(message());
      await settle(await leaseOne(), later(clock.now() + hours(2)));
      await queue.put(message({ recipients: ['b@other.test'] }));
      await queue.move(claim, { domain: 'other.test' }, { kind: 'suspend' });
      const seized = await queue.seize(claim, {}, 10, HOLD);
      expect(seized).toHaveLength(2);
      expect(await queue.seize(claim, {}, 10, HOLD)).toEqual([]);
      for (const lease of seized) expect(await settle(lease, bounced)).toEqual([]);
      expect(depth()).toBe(0);
    });

    const cancel = (id: string, tenant = 'tenant') => queue.cancel({ tenant, message: id, by: 'tenant.app' });

    test('what is cancelled ends for every recipient nobody holds, whatever it waits for, and is never given again', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@other.test', 'd@third.test'] });
      const other = message();
      await queue.put(put);
      await queue.put(other);
      await queue.move(claim, { domain: 'other.test' }, { kind: 'suspend' });
      await settle(await leaseOne(), later(clock.now() + hours(2)));
      const events = await cancel(put.id);
      expect(events.map((it) => [it.type, it.index, it.recipient, it.attempt, it.reply])).toEqual([
        ['cancelled', 0, 'b@dest.test', 1, 'cancelled by tenant.app'],
        ['cancelled', 1, 'c@other.test', 0, 'cancelled by tenant.app'],
        ['cancelled', 2, 'd@third.test', 0, 'cancelled by tenant.app'],
      ]);
      expect((await harness.events()).filter((it) => it.type === 'cancelled')).toEqual(events);
      expect(depth()).toBe(1);
      await reopen();
      clock.advance(hours(3));
      expect((await leaseAll()).map((it) => it.message.id)).toEqual([other.id]);
      expect(await queue.list({ message: put.id }, 10)).toEqual([]);
    });

    test('what is leased is not cancelled until it comes back, and its holder settles it', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@other.test'] });
      await queue.put(put);
      const lease = await leaseOne();
      expect((await cancel(put.id)).map((it) => it.index)).toEqual([1]);
      expect(await cancel(put.id)).toEqual([]);
      expect(await settle(lease, later(clock.now() + minutes(1)))).toEqual([]);
      expect((await cancel(put.id)).map((it) => [it.index, it.attempt])).toEqual([[0, 1]]);
      expect(depth()).toBe(0);
    });

    test('cancelling and leasing at the same time: each recipient is either given or cancelled', async () => {
      for (let round = 0; round < 10; round += 1) {
        const put = message({ recipients: ['b@dest.test', 'c@dest.test', 'd@dest.test'] });
        await queue.put(put);
        const [one, events, two, again] = await Promise.all([leaseAll(1), cancel(put.id), leaseAll(2), cancel(put.id)]);
        const leases = [...one, ...two];
        const all = [...leases.map((it) => it.index), ...events.map((it) => it.index), ...again.map((it) => it.index)];
        expect(all.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
        for (const lease of leases) expect(await settle(lease, delivered)).toEqual([]);
      }
      expect(depth()).toBe(0);
    });

    test('nobody cancels the message of another tenant, nor one that has ended or never was', async () => {
      const put = message();
      await queue.put(put);
      expect(await cancel(put.id, 'somebody')).toEqual([]);
      expect(await cancel('nothing')).toEqual([]);
      await settle(await leaseOne(), bounced, true);
      expect(await cancel(put.id)).toEqual([]);
      expect(await queue.unreported(claim, 10)).toHaveLength(1);
    });

    test('what is cancelled is owed no report, and does not hold up that of others', async () => {
      const put = message({ recipients: ['b@dest.test', 'c@other.test'] });
      await queue.put(put);
      await settle(await leaseOne(), bounced, true);
      expect(await queue.unreported(claim, 10)).toEqual([]);
      await cancel(put.id);
      const [owed] = await queue.unreported(claim, 10);
      expect(owed?.events.map((it) => it.index)).toEqual([0]);
    });

    test(
      'whatever is done to it, every recipient ends once and depth tells the truth',
      async () => {
        const step = fc.oneof(
          fc.record({ do: fc.constant('put' as const), recipients: fc.integer({ min: 1, max: 3 }) }),
          fc.record({ do: fc.constant('deliver' as const), max: fc.integer({ min: 1, max: 4 }) }),
          fc.record({ do: fc.constant('defer' as const), max: fc.integer({ min: 1, max: 4 }) }),
          fc.record({ do: fc.constantFrom('cancel' as const, 'abandon' as const, 'crash' as const, 'wait' as const) }),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
            let open = depth();
            for (const it of steps) {
              if (it.do === 'put') {
                await queue.put(
                  message({ recipients: ['b', 'c', 'd'].slice(0, it.recipients).map((x) => `${x}@dest.test`) }),
                );
                open += it.recipients;
              } else if (it.do === 'deliver') {
                const leases = await leaseAll(it.max);
                await queue.settle(
                  claim,
                  leases.map((lease) => settlement(lease, delivered)),
                );
                open -= leases.length;
              } else if (it.do === 'defer') {
                const leases = await leaseAll(it.max);
                await queue.settle(
                  claim,
                  leases.map((lease) => settlement(lease, later(clock.now() + minutes(1)))),
                );
              } else if (it.do === 'cancel') {
                const [first] = await queue.list({}, 1);
                if (first) open -= (await cancel(first.message)).length;
              } else if (it.do === 'abandon') await leaseAll(2);
              else if (it.do === 'crash') await reopen();
              else clock.advance(minutes(11));
              expect(depth()).toBe(open);
            }
            clock.advance(hours(1));
            const rest = await until('everything is due', async () => leaseAll(1000));
            expect(rest).toHaveLength(open);
            await queue.settle(
              claim,
              rest.map((lease) => settlement(lease, delivered)),
            );
            expect(depth()).toBe(0);
          }),
          { numRuns: 25 },
        );
      },
      MUCH,
    );
  });
}
