/**
 * SIGKILL: nothing that was answered 250 is lost, and nothing comes twice that was not in doubt at that moment.
 *
 * Judged from outside by mailbench, which is told of each kill and counts what was in doubt then.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const scene = openScene();

/** The kill, and the note of what was in doubt, as close together as can be. */
async function killUnder(load: Mailbench, fleet: Postfleet): Promise<void> {
  const killed = fleet.kill();
  load.noteKill();
  await killed;
}

test('killed right after the last 250, with most of it still queued, it delivers all of it after the restart', async () => {
  const messages = 2000;
  const config = await ConfigFolder.from(scene, 'bench');
  const fleet = await Postfleet.start(scene, config);
  const load = Mailbench.start(scene, {
    to: config.ports.submission,
    sink: config.ports.receiver,
    messages,
    connections: 20,
    flags: ['-sinklatency', '250ms', '-wait', '60s', '-dkim'],
  });
  await until('all are accepted', async () => (await fleet.metric('postfleet_accepted_total')) === messages, 60_000);
  await until('the senders have left', async () => (await fleet.metric('postfleet_smtp_connections')) === 0, 60_000);
  const delivered = await fleet.metric('postfleet_attempts_total');
  await killUnder(load, fleet);
  expect(delivered).toBeLessThan(messages / 2);

  const again = await Postfleet.start(scene, config, { data: fleet.data });
  const verdict = await load.verdict();
  expect(verdict).toMatchObject({ accepted: messages, unknown: 0, lost: 0, unique: messages, unsigned: 0 });
  expect(verdict.duplicates).toBeLessThanOrEqual(verdict.inDoubt);
  await again.stop();
});

test('killed five times at any moment under load, it loses nothing and doubles only what was in doubt', async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  let fleet = await Postfleet.start(scene, config);
  const load = Mailbench.start(scene, {
    to: config.ports.submission,
    sink: config.ports.receiver,
    messages: 15_000,
    connections: 20,
    flags: ['-wait', '60s', '-dkim'],
  });
  for (let round = 1; round <= 5; round += 1) {
    await until('it is under load', async () => (await fleet.metric('postfleet_accepted_total')) > 100, 60_000);
    await pause(randomInt(50, 1000));
    expect(load.program.exit).toBeUndefined();
    await killUnder(load, fleet);
    fleet = await Postfleet.start(scene, config, { data: fleet.data });
  }
  await fleet.letGo();
  const verdict = await load.verdict();
  expect(verdict).toMatchObject({ lost: 0, unsigned: 0, refused: 0 });
  expect(verdict.duplicates).toBeLessThanOrEqual(verdict.inDoubt);
  expect(await fleet.metric('postfleet_queue_depth')).toBe(0);
  await fleet.stop();
});
