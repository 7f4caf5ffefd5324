/**
 * The tests of a cluster under load: one of each thing that is done to it, and one of what came of all.
 */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Form, type Scene, SHORT, WHOLE } from './phases.ts';
import { faultsOf, told } from './verdicts.ts';

const FORM = process.env['POSTFLEET_E2E_FORM'] === 'short' ? SHORT : WHOLE;
/** A file for whoever publishes it. */
const TOLD = process.env['POSTFLEET_E2E_TOLD'];
const PATIENCE = 1_200_000;

/** `begin` starts the load of that form; `shares` are those of each address and its name, in hundredths, as its pool declares. */
export function testUnderLoad(begin: (form: Form) => Promise<Scene>, shares: ReadonlyMap<string, number>): void {
  let scene: Scene;

  test('mail begins to go', async () => {
    scene = await begin(FORM);
    await expect(scene.load.drained()).resolves.toBeUndefined();
  });

  test.each(FORM.phases)(
    'under load: $name',
    async (phase) => {
      const at = performance.now();
      if (phase !== FORM.phases[0]) scene.load.nextPhase();
      await expect(phase.run(scene)).resolves.toBeUndefined();
      const whole = performance.now();
      await scene.load.drained();
      const [did, drained] = [whole - at, performance.now() - whole].map((it) => (it / 1000).toFixed(1));
      process.stdout.write(`${phase.name}: ${did} s, then ${drained} s until nothing waited\n`);
    },
    PATIENCE,
  );

  test(
    'nothing is lost, nothing doubled that was not in doubt, every signature verifies, and shares are as weights',
    async () => {
      const all = told(FORM.phases, await scene.load.end());
      const whole = { ...all.verdict, phases: undefined };
      process.stdout.write(`${all.rows.map((it) => `${JSON.stringify(it)}\n`).join('')}${JSON.stringify(whole)}\n`);
      expect(faultsOf(all, { messages: FORM.leastMessages, rate: FORM.leastRate, shares })).toEqual([]);
      if (TOLD !== undefined) writeFileSync(TOLD, JSON.stringify(all));
    },
    PATIENCE,
  );
}
