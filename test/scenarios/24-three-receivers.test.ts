/**
 * Mail for twenty-one domains at three receivers of different temper ends exactly once and rightly, found by real DNS.
 *
 * `npm run proof -- receivers` does the same with ten times as much, and measures.
 */
import { beforeAll, expect, test } from 'vitest';
import { openScene } from '../harness/scene.ts';
import { type Outcome, sendToThree } from '../harness/three-receivers.ts';
import { wrongWith } from '../harness/three-receivers-judge.ts';
import type { Temper } from '../harness/tempers.ts';

const scene = openScene();
const MESSAGES = 500;
let outcome: Outcome;

beforeAll(async () => {
  outcome = await sendToThree(scene, MESSAGES);
}, 320_000);

const receiver = (temper: Temper) => outcome.receivers.find((it) => it.temper === temper);

test('every recipient has ended once and rightly, and its trace says so', () => {
  expect(outcome.sent).toHaveLength(MESSAGES);
  expect(wrongWith(outcome).slice(0, 10)).toEqual([]);
});

test('each receiver has shown its temper', () => {
  expect(receiver('defers')?.refusals.later).toBe(outcome.sent.filter((it) => it.isPutOff).length);
  expect(receiver('storms')?.refusals.closing).toBeGreaterThan(1);
  expect(receiver('refuses')?.refusals.never).toBe(outcome.sent.filter((it) => it.isStranger).length);
});

test('a storm costs few messages an attempt', () => {
  const stormed = outcome.sent.filter((it) => it.temper === 'storms');
  const attempts = stormed.map((it) => it.events.at(-1)?.attempt ?? 0);
  expect(attempts.filter((it) => it > 1).length).toBeLessThan(stormed.length / 4);
});
