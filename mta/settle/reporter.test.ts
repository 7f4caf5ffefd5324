import { describe, expect, test } from 'vitest';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage, openTestStorage, type TestQueue } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Message } from '../mail/message.ts';
import type { Claim, Lease } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import { Reporter } from './reporter.ts';

const openQueue = openTestStorage();
const LANE = 'default default/main dest.test';
/** Where reports to the sender of `aMessage` wait. */
const HOME = 'default default/main example.com';

async function open() {
  const clock = new FakeClock();
  const storage = await openQueue(clock);
  const claim = await storage.queue.claim(0);
  const faults: unknown[] = [];
  const reporter = new Reporter({
    queue: storage.queue,
    claim,
    clock,
    random: seededRandom(1),
    hostname: 'mail.example.net',
    troubled: (thrown) => faults.push(thrown),
  });
  const reports = (): number => storage.queue.depth().find((it) => it.lane === HOME)?.depth ?? 0;
  return { clock, storage, claim, reporter, faults, reports };
}

const lease = async ({ queue }: TestQueue, claim: Claim, lane = LANE): Promise<Lease[]> =>
  queue.lease(claim, lane, 1000, hours(1));

/** Messages whose first recipients have failed and are to be reported. */
async function fail(storage: TestQueue, claim: Claim, messages: readonly Message[]): Promise<void> {
  await Promise.all(messages.map((it) => storage.queue.put(it)));
  const leases = await lease(storage, claim);
  await storage.queue.settle(claim, leases.map(failed));
}

const failed = (it: Lease) => ({
  lease: it,
  outcome: { kind: 'bounced' as const, reply: reply(550, '5.1.1', 'no such user') },
  event: eventOf(it),
  owesReport: true,
});

const eventOf = ({ message, index, recipient }: Lease): MailEvent => ({
  v: 1,
  at: 0,
  type: 'bounced',
  message: message.id,
  index,
  tenant: message.tenant,
  sender: message.sender,
  recipient,
  reply: '550 5.1.1 no such user',
  attempt: 1,
});

describe('a debt', () => {
  test('is paid at once when the reporter starts, with one report for all that failed', async () => {
    const { clock, storage, claim, reporter, reports, faults } = await open();
    await fail(storage, claim, [aMessage({ recipients: ['b@dest.test', 'c@dest.test'] })]);
    reporter.start();
    await reporter.stop();
    expect([reports(), faults]).toEqual([1, []]);
    expect(await storage.queue.unreported(claim, 10)).toEqual([]);
    const [report] = await lease(storage, claim, HOME);
    expect(report?.message).toMatchObject({
      sender: '',
      recipients: ['a@example.com'],
      acceptedAt: clock.now(),
      expiresAt: clock.now() + hours(72),
    });
    expect(report?.message.raw.toString()).toMatch(/Final-Recipient: rfc822; b@.*Final-Recipient: rfc822; c@/s);
  });

  test('that comes later is paid within a second, and none twice', async () => {
    const { clock, storage, claim, reporter, reports } = await open();
    reporter.start();
    await until('the first round', () => clock.timers > 1);
    await fail(storage, claim, [aMessage()]);
    clock.advance(seconds(1));
    await until('a report', () => reports() === 1);
    await until('the round to end', () => clock.timers > 1);
    clock.advance(seconds(1));
    await reporter.stop();
    expect(reports()).toBe(1);
  });

  test('is not due while a recipient has not been tried', async () => {
    const { storage, claim, reporter, reports } = await open();
    await fail(storage, claim, [aMessage({ recipients: ['b@dest.test', 'c@other.test'] })]);
    reporter.start();
    await reporter.stop();
    expect(reports()).toBe(0);
  });

  test('is one of many: more than fit one look are paid in one round', async () => {
    const { storage, claim, reporter, reports } = await open();
    const messages = Array.from({ length: 10 }, () => aMessage());
    await fail(storage, claim, messages);
    reporter.start();
    await until('all reports', () => reports() === 10);
    await reporter.stop();
    const all = await lease(storage, claim, HOME);
    expect(new Set(all.map((it) => it.message.id)).size).toBe(10);
  });
});

describe('when the queue cannot be written', () => {
  test('the debt stays, and is paid once when it can', async () => {
    const { clock, storage, claim, reporter, faults, reports } = await open();
    await fail(storage, claim, [aMessage()]);
    storage.broken = true;
    reporter.start();
    await until('a fault', () => faults.length === 1);
    await until('the next round is set', () => clock.timers > 1);
    clock.advance(seconds(1));
    await until('another fault', () => faults.length === 2);
    expect(reports()).toBe(0);
    expect(faults[0]).toMatchObject({ code: 'storage-failed' });
    storage.broken = false;
    await until('the next round is set', () => clock.timers > 1);
    clock.advance(seconds(1));
    await until('a report', () => reports() === 1);
    await reporter.stop();
    expect(await storage.queue.unreported(claim, 10)).toEqual([]);
  });
});

describe('after stop', () => {
  test('nothing is looked for any more', async () => {
    const { clock, storage, claim, reporter, reports } = await open();
    const timers = clock.timers;
    reporter.start();
    await reporter.stop();
    expect(clock.timers).toBe(timers);
    await fail(storage, claim, [aMessage()]);
    clock.advance(minutes(1));
    expect(await storage.queue.unreported(claim, 10)).toHaveLength(1);
    expect(reports()).toBe(0);
  });

  test('a round under way ends, and no further batch begins', async () => {
    const { storage, claim, reporter, reports } = await open();
    await fail(
      storage,
      claim,
      Array.from({ length: 10 }, () => aMessage()),
    );
    reporter.start();
    await reporter.stop();
    expect(reports()).toBe(4);
    expect(await storage.queue.unreported(claim, 100)).toHaveLength(6);
  });

  test('of a claim that was taken over, nothing is paid', async () => {
    const { storage, claim, reporter, reports } = await open();
    await fail(storage, claim, [aMessage()]);
    const newer = await storage.queue.claim(0);
    reporter.start();
    await reporter.stop();
    expect(reports()).toBe(0);
    expect(await storage.queue.unreported(newer, 10)).toHaveLength(1);
  });
});
