import { expect, onTestFinished, test } from 'vitest';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage, openTestStorage } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import type { Attempt } from '../mail/attempt.ts';
import type { Message } from '../mail/message.ts';
import type { Lease } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import { Outlived, type OutlivedOptions, type Stuck } from './outlived.ts';

const openQueue = openTestStorage();
const laneOf = (domain: string): string => `default default/main ${domain}`;
const stuck = (domain: string, trouble?: string): Stuck => ({ lane: laneOf(domain), trouble });

async function open(lanes: readonly Stuck[], over: Partial<OutlivedOptions> = {}) {
  const clock = new FakeClock();
  const { queue } = await openQueue(clock);
  const claim = await queue.claim(0);
  const settled: { lease: Lease; attempt: Attempt }[] = [];
  const faults: unknown[] = [];
  let rounds = 0;
  const outlived = new Outlived({
    queue,
    claim,
    clock,
    stuck: () => {
      rounds += 1;
      return lanes;
    },
    expiresAt: (_, life) => life.expiresAt,
    settle: (lease, attempt) => settled.push({ lease, attempt }),
    ready: () => undefined,
    troubled: (thrown) => faults.push(thrown),
    ...over,
  });
  onTestFinished(() => outlived.stop());
  const put = (domain: string, lives: number, message: Partial<Message> = {}): Promise<void> =>
    queue.put(aMessage({ recipients: [`a@${domain}`], expiresAt: clock.now() + lives, ...message }));
  /** A second, and everything that comes of it. */
  const second = async (): Promise<void> => {
    clock.advance(seconds(1));
    await until('the next look to be planned', () => clock.timers > 1);
  };
  const ended = (): string[] => settled.map((it) => it.lease.recipient);
  return { clock, queue, claim, outlived, settled, faults, put, second, ended, rounds: () => rounds };
}

test('what has outlived its time is ended with the reason, wherever it waits in its lane; the rest stays', async () => {
  const { clock, put, second, settled, ended, queue, claim } = await open([stuck('dest.test', '451 4.4.1 away')]);
  await put('dest.test', hours(9));
  await put('dest.test', minutes(5), { recipients: ['late@dest.test'] });
  await put('dest.test', hours(9));
  await second();
  expect(ended()).toEqual([]);
  clock.advance(minutes(5));
  await second();
  expect(ended()).toEqual(['late@dest.test']);
  expect(settled[0]?.attempt).toMatchObject({
    stage: 'local',
    reply: reply(451, '4.4.7', 'its time ran out before it could be tried again: 451 4.4.1 away'),
  });
  expect(await queue.lease(claim, laneOf('dest.test'), 10, hours(1))).toHaveLength(2);
});

test('many lanes have their turns, some a second', async () => {
  const domains = Array.from({ length: 45 }, (_, at) => `d${at}.test`);
  const { put, second, ended, rounds } = await open(domains.map((it) => stuck(it)));
  for (const it of domains) await put(it, 0);
  for (const want of [20, 40, 45]) {
    await second();
    expect(ended()).toHaveLength(want);
  }
  await second();
  expect(rounds()).toBe(2);
});

test('a long lane is gone through some hundred a second, to its end', async () => {
  const { clock, put, second, ended } = await open([stuck('dest.test')]);
  const many = (length: number, name: string): string[] => Array.from({ length }, (_, at) => `${name}${at}@dest.test`);
  await put('dest.test', hours(9), { recipients: many(450, 'good') });
  await put('dest.test', minutes(1), { recipients: many(30, 'late') });
  clock.advance(minutes(1));
  for (const want of [0, 0, 30]) {
    await second();
    expect(ended()).toHaveLength(want);
  }
});

test('nothing is ended while outcomes cannot be recorded, and a fault is told and tried again', async () => {
  const gate = Promise.withResolvers<void>();
  let fails = true;
  const { queue, clock, put, second, ended, faults } = await open([stuck('dest.test')], { ready: () => gate.promise });
  const lease = queue.leaseOutlived.bind(queue);
  queue.leaseOutlived = (...of) => (fails ? Promise.reject(new Error('no disk')) : lease(...of));
  await put('dest.test', 0);
  clock.advance(seconds(1));
  await Promise.resolve();
  expect([ended(), faults]).toEqual([[], []]);
  gate.resolve();
  await until('the fault', () => faults.length === 1);
  fails = false;
  await until('the next look to be planned', () => clock.timers > 1);
  await second();
  expect(ended()).toEqual(['a@dest.test']);
});
