import { expect, test } from 'vitest';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { until } from '../../test/harness/until.ts';
import { Refreshed } from './refreshed.ts';

test('what changes is in use after a while, what cannot be read is not', async () => {
  const clock = new FakeClock();
  const troubles: unknown[] = [];
  let text: string | Error = 'one';
  const read = async (): Promise<string> => {
    if (text instanceof Error) throw text;
    return text;
  };
  const options = { clock, every: seconds(10), troubled: (thrown: unknown) => troubles.push(thrown) };
  const value = await Refreshed.open(read, options);
  text = new Error('torn');
  clock.advance(seconds(10));
  await until('it is read again', () => clock.timers === 1);
  expect([value.current, troubles]).toEqual(['one', [text]]);
  text = 'two';
  clock.advance(seconds(10));
  await until('it is read again', () => value.current === 'two');
  value.close();
  expect(clock.timers).toBe(0);
});

test('what cannot be read the first time is not opened', async () => {
  const read = (): Promise<string> => Promise.reject(new Error('absent'));
  const options = { clock: new FakeClock(), every: seconds(10), troubled: () => undefined };
  await expect(Refreshed.open(read, options)).rejects.toThrow('absent');
});
