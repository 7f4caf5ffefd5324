/**
 * A measurement that is told to end takes with it what it has started.
 */
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Stage } from './harness/stage.ts';
import { until } from './harness/until.ts';

const ROUNDS = fileURLToPath(new URL('../bench/rounds.ts', import.meta.url));
/** Measures for ever with a program that never ends, whose pid it prints. */
const ENDLESS = `
  const { onStage } = await import(${JSON.stringify(ROUNDS)});
  await onStage(async (stage) => {
    console.error('program', stage.start('endless', 'sleep', ['infinity']).pid);
    await new Promise((resolve) => setTimeout(resolve, 1e9));
  });
`;

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends a measurement and the programs it started', async (signal, code) => {
  const stage = new Stage();
  try {
    const measurement = stage.start('measurement', execPath, ['--input-type=module', '--eval', ENDLESS]);
    const [, pid] = await measurement.says(/program (\d+)/);
    measurement.signal(signal);
    expect(await measurement.ended).toEqual({ code, signal: null });
    await until('its program has ended', () => !runs(Number(pid)));
  } finally {
    await stage.end(false);
  }
});
