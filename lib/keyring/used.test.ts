import { expect, test } from 'vitest';
import { hours, minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { UsedToday, usedWordIn } from './used.ts';

const NOON = Date.UTC(2026, 5, 1, 12);

test('what was used today is told within a minute, once, and is forgotten when the day is over', () => {
  const clock = new FakeClock(NOON);
  const used = new UsedToday(clock);
  const { word } = used;
  const told: string[] = [];
  const forget = word.onChange(() => told.push(word.text()));
  for (const name of ['mail.app', 'mail.app', 'mail.other']) used.note(name);
  clock.advance(minutes(3));
  expect(told).toEqual(['{"day":"2026-06-01","names":["mail.app","mail.other"]}']);
  clock.advance(hours(12));
  used.note('mail.other');
  clock.advance(minutes(1));
  expect(told[1]).toBe('{"day":"2026-06-02","names":["mail.other"]}');
  forget();
  expect([told.length, clock.timers]).toEqual([2, 0]);
});

test('more names than an annotation holds are not told', () => {
  const clock = new FakeClock(NOON);
  const used = new UsedToday(clock);
  for (let at = 0; at < 20_000; at += 1) used.note(`tenant.credential-${at}`);
  const text = used.word.text();
  expect(text.length).toBeLessThanOrEqual(128 * 1024 + 50);
  expect(usedWordIn(JSON.parse(text), NOON)?.names.size).toBeGreaterThan(5000);
});

test.each<[told: unknown]>([
  [undefined],
  ['text'],
  [{ day: '', names: [] }],
  [{ day: '2026-06-01' }],
  [{ day: '2026-06-03', names: [] }],
  [{ day: 5, names: [] }],
])('%j says of nothing that it was used', (told) => {
  expect(usedWordIn(told, NOON)).toBeUndefined();
});
