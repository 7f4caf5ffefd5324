/**
 * Power cuts: whatever the disk had not been told to keep may be gone, and the last write torn. What was answered 250 is
 * delivered nevertheless, and nothing comes twice that was not in doubt.
 *
 * The data folder lies on a file system that forgets (`harness/forgetful`); the process dies in the same moment.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { ForgetfulDisk, type Losses } from '../harness/forgetful-disk.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { until } from '../harness/until.ts';

const CUTS = 20;
const FIVE_MINUTES = 300_000;
/** An fsync here is several turns of three processes: an outcome is on disk later than on a real one. */
const SETTLED_AFTER = '500ms';

const scene = openScene();

test(
  `after ${CUTS} power cuts under load nothing is lost, and only what was in doubt is doubled`,
  async () => {
    const seed = randomInt(1_000_000);
    const disk = await ForgetfulDisk.mount(scene, ['-seed', String(seed)]);
    const config = await ConfigFolder.from(scene, 'bench');
    const { submission: to, receiver: sink } = config.ports;
    let fleet = await Postfleet.start(scene, config, { data: disk.path });
    const flags = ['-rate', '400', '-sinklatency', '50ms', '-settle', SETTLED_AFTER, '-wait', '60s', '-dkim'];
    const load = Mailbench.start(scene, { to, sink, messages: 1_000_000, connections: 60, flags });
    const losses: Losses[] = [];
    for (let round = 1; round <= CUTS; round += 1) {
      await until('it is under load', async () => (await fleet.metric('postfleet_accepted_total')) > 50, 30_000);
      await pause(randomInt(20, 500));
      expect(load.program.exit).toBeUndefined();
      const cut = disk.cut();
      const killed = fleet.kill();
      load.noteKill();
      await killed;
      losses.push(await cut);
      await disk.mount();
      fleet = await Postfleet.start(scene, config, { data: disk.path });
    }
    await fleet.letGo();
    load.enough();
    const verdict = await load.verdict();
    const forgotten = losses.reduce((sum, it) => sum + it.writes + it.torn, 0);
    process.stderr.write(`seed ${seed}: ${forgotten} writes forgotten or torn, ${JSON.stringify(verdict)}\n`);
    expect(forgotten).toBeGreaterThan(0);
    expect(verdict).toMatchObject({ lost: 0, unsigned: 0, refused: 0 });
    expect(verdict.duplicates).toBeLessThanOrEqual(verdict.inDoubt);
    await fleet.stop();
  },
  FIVE_MINUTES,
);
