import { expect, test } from 'vitest';
import { hours, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage, openTestStorage } from '../../../test/harness/queue.ts';

const storage = openTestStorage();

test('keys whose time is over go ten at a time, the oldest first, with keys that come', async () => {
  const clock = new FakeClock();
  const { queue, database } = await storage(clock);
  const putOnce = (key: string, until: number) => queue.putOnce(aMessage(), { key, hash: 'h', until, note: '' });
  const kept = async () => (await database.read('SELECT key FROM put_once ORDER BY key')).map((it) => it['key']);
  for (let at = 10; at < 22; at += 1) await putOnce(`k${at}`, clock.now() + seconds(40 - at));
  await putOnce('later', clock.now() + hours(1));
  clock.advance(seconds(30));
  await putOnce('new', clock.now() + hours(1));
  expect(await kept()).toEqual(['k10', 'k11', 'later', 'new']);
  expect(await putOnce('k10', clock.now() + hours(1))).toEqual({ kind: 'put' });
  expect(await kept()).toEqual(['k10', 'later', 'new']);
});
