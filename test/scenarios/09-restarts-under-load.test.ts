/**
 * Clean restarts while mail comes in and goes out: everything accepted arrives, exactly once.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const RESTARTS = 3;
const MESSAGES = 6000;

const scene = openScene();

test(`${RESTARTS} clean restarts under load lose nothing and double nothing`, async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  let fleet = await Postfleet.start(scene, config);
  const load = Mailbench.start(scene, {
    to: config.ports.submission,
    sink: config.ports.receiver,
    messages: MESSAGES,
    connections: 20,
    flags: ['-dkim', '-wait', '60s'],
  });
  for (let restart = 1; restart <= RESTARTS; restart += 1) {
    await until(
      'it is under load',
      async () => (await fleet.metric('postfleet_attempts_total')) > MESSAGES / 10,
      60_000,
    );
    expect(await fleet.stop()).toEqual({ code: 0, signal: null });
    fleet = await Postfleet.start(scene, config, { data: fleet.data });
  }
  const verdict = await load.verdict();
  expect(verdict).toMatchObject({ lost: 0, duplicates: 0, unsigned: 0, refused: 0 });
  expect(verdict.accepted + verdict.unknown).toBeGreaterThan(MESSAGES * 0.9);
  expect(await fleet.metric('postfleet_queue_depth')).toBe(0);
  await fleet.stop();
});
