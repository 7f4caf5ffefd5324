/**
 * What every queue promises of messages that are in hand when a process dies, as tests.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { hours, minutes, seconds } from '#lib/run/clock.ts';
import { aMessage } from '../../test/harness/queue.ts';
import type { Claim, LaneName, Lease, Queue } from './queue.ts';
import type { QueueHarness } from './queue.contract.ts';

const LANE = 'default default/main dest.test';

export function crashContract(name: string, make: () => QueueHarness): void {
  describe(`${name}: a message that is in hand when the process dies`, () => {
    let harness: QueueHarness;
    let clock: FakeClock;
    let queue: Queue;
    let claim: Claim;

    const start = async (): Promise<void> => {
      queue = await harness.open(clock);
      claim = await queue.claim(0);
    };
    const crash = async (): Promise<void> => {
      await harness.crash();
      await start();
    };
    const lease = (lane: LaneName = LANE): Promise<Lease[]> => queue.lease(claim, lane, 100, hours(1));
    const put = async (count: number): Promise<string[]> => {
      const messages = Array.from({ length: count }, () => aMessage({ acceptedAt: clock.now() }));
      for (const it of messages) await queue.put(it);
      return messages.map((it) => it.id);
    };
    const setAside = async (): Promise<string[]> =>
      (await harness.events()).filter((it) => it.type === 'set-aside').map((it) => it.message);

    beforeEach(async () => {
      harness = make();
      clock = new FakeClock();
      await start();
    });
    afterEach(async () => {
      await harness.crash();
      await harness.dispose();
    });

    test('is given again at once the first time', async () => {
      await put(2);
      await lease();
      await crash();
      expect(await lease()).toHaveLength(2);
    });

    test('waits apart from others the second time, and all come within seconds', async () => {
      await put(3);
      for (let time = 0; time < 2; time += 1) {
        expect(await lease()).toHaveLength(3);
        await crash();
      }
      const [other] = await put(1);
      expect((await lease()).map((it) => it.message.id)).toEqual([other]);
      const given: number[] = [];
      for (let at = 0; at < 3; at += 1) {
        clock.advance(seconds(1));
        given.push((await lease()).length);
      }
      expect(given).toEqual([1, 1, 1]);
    });

    test('waits no longer than half a minute, however many there are', async () => {
      await queue.put(aMessage({ recipients: ['b@dest.test'], acceptedAt: clock.now() }));
      await put(300);
      for (let time = 0; time < 2; time += 1) {
        for (let found = await lease(); found.length > 0;) found = await lease();
        await crash();
      }
      clock.advance(seconds(30));
      let count = 0;
      for (let found = await lease(); found.length > 0; found = await lease()) count += found.length;
      expect(count).toBe(301);
    }, 30_000);

    test('is set aside the third time, with an event for each recipient, and nothing else is', async () => {
      const poison = aMessage({ recipients: ['b@dest.test', 'c@dest.test'], acceptedAt: clock.now() });
      await queue.put(poison);
      const [healthy] = await put(1);
      for (let time = 0; time < 3; time += 1) {
        clock.advance(minutes(10));
        const found = await lease();
        queue.giveBack(found.filter((it) => it.message.id !== poison.id));
        await turn();
        await crash();
      }
      expect((await lease()).map((it) => it.message.id)).toEqual([healthy]);
      expect(await setAside()).toEqual([poison.id, poison.id]);
      expect(queue.depth()).toEqual([{ lane: LANE, depth: 3 }]);
      expect(await queue.list({ message: poison.id }, 10)).toMatchObject([
        { recipient: 'b@dest.test', state: 'suspended' },
        { recipient: 'c@dest.test', state: 'suspended' },
      ]);
    });

    test('is given when somebody says so, and set aside at the next crash', async () => {
      const [poison = ''] = await put(1);
      for (let time = 0; time < 3; time += 1) {
        clock.advance(minutes(10));
        await lease();
        await crash();
      }
      clock.advance(minutes(10));
      expect(await lease()).toEqual([]);
      await crash();
      expect(await queue.move(claim, { message: poison }, { kind: 'resume' })).toBe(1);
      expect(await lease()).toHaveLength(1);
      await crash();
      expect(await lease()).toEqual([]);
      expect(await setAside()).toEqual([poison, poison]);
    });

    test('is nothing to remember after a day', async () => {
      await put(1);
      for (let time = 0; time < 5; time += 1) {
        clock.advance(hours(25));
        expect(await lease()).toHaveLength(1);
        await crash();
      }
      expect(await setAside()).toEqual([]);
    });

    test('is counted only while it is: what was given back or released was not in hand', async () => {
      await put(2);
      for (let time = 0; time < 4; time += 1) {
        queue.giveBack(await lease());
        await turn();
        await crash();
        await lease();
        await queue.release(claim);
        await crash();
      }
      expect(await lease()).toHaveLength(2);
    });
  });
}

/** What is given back is noted by the end of a turn of the loop. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
