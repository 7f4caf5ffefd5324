/**
 * The tests of a cluster under load: one of each thing that is done to it, and one of what came of all.
 */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Stage } from '../../harness/stage.ts';
import type { Ground } from '../ground.ts';
import { MailSite } from '../mail-site.ts';
import { Fleet } from './fleet.ts';
import { formOf, type Scene } from './phases.ts';
import { type Door, SteadyLoad } from './steady-load.ts';
import { faultsOf, told } from './verdicts.ts';

const isShort = process.env['POSTFLEET_E2E_FORM'] === 'short';
/** A file for whoever publishes it. */
const TOLD = process.env['POSTFLEET_E2E_TOLD'];
const PATIENCE = 1_200_000;

export function testUnderLoad(stage: Stage, given: () => Ground, hasApiServer: boolean): void {
  const form = formOf({ isShort, hasApiServer });
  let scene: Scene;

  test('mail begins to go', async () => {
    const ground = given();
    const load = SteadyLoad.start(ground.bench, form.rate, await doorOf(new MailSite(ground)));
    scene = { fleet: new Fleet(stage, ground), load, texts: (name) => ground.texts(name) };
    await expect(scene.load.drained()).resolves.toBeUndefined();
  });

  test.each(form.phases)(
    'under load: $name',
    async (phase) => {
      const at = performance.now();
      if (phase !== form.phases[0]) scene.load.nextPhase();
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
      const all = told(form.phases, await scene.load.end());
      const { shares } = given().pool;
      const whole = { ...all.verdict, phases: undefined };
      process.stdout.write(`${all.rows.map((it) => `${JSON.stringify(it)}\n`).join('')}${JSON.stringify(whole)}\n`);
      expect(faultsOf(all, { messages: form.leastMessages, rate: form.leastRate, shares })).toEqual([]);
      if (TOLD !== undefined) writeFileSync(TOLD, JSON.stringify(all));
    },
    PATIENCE,
  );
}

async function doorOf(site: MailSite): Promise<Door> {
  const [address, username, password, token] = await Promise.all([
    site.ingressAddress(),
    ...['username', 'password', 'token'].map((it) => site.secret(it)),
  ]);
  return { address, username: username ?? '', password: password ?? '', token: token ?? '' };
}
