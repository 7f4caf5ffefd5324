import { expect, test } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';
import { newMessageId } from '../../mail/message.ts';
import { glanceAt } from './glance.ts';

const LANE = 'default default/main dest.test';

const storage = openTestStorage();

test.each([
  [0, true],
  [5000, true],
  [5001, false],
])('of a lane of %i all is looked at: %s', async (depth, isExact) => {
  const { database } = await storage(new FakeClock());
  expect(await glanceAt(database, LANE, depth)).toEqual({
    next: undefined,
    oldest: undefined,
    latest: undefined,
    suspended: 0,
    isExact,
  });
});

test('where nothing but what is suspended waits, the oldest and the youngest of that are shown', async () => {
  const clock = new FakeClock();
  const { queue, database } = await storage(clock);
  const [start, random] = [clock.now(), seededRandom(1)];
  const ids: string[] = [];
  for (const recipients of [['a@dest.test'], ['b@other.test', 'c@dest.test']]) {
    const id = newMessageId(clock.now(), random);
    ids.push(id);
    await queue.put(aMessage({ id, recipients, acceptedAt: clock.now() }));
    clock.advance(minutes(1));
  }
  await queue.move(await queue.claim(0), { lane: LANE }, { kind: 'suspend' });
  expect(await glanceAt(database, LANE, 2)).toEqual({
    next: undefined,
    oldest: start,
    latest: { message: ids[1], index: 1 },
    suspended: 2,
    isExact: true,
  });
});
