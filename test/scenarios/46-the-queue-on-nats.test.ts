/**
 * The queue on real NATS servers keeps every promise of the port, as the embedded one does: on one server, and on three
 * that keep each record three times.
 */
import { beforeAll, describe } from 'vitest';
import { crashContract } from '#mta/queue/crashes.contract.ts';
import { queueContract } from '#mta/queue/queue.contract.ts';
import { jetstreamHarness } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import { openScene } from '../harness/scene.ts';

const scene = openScene();

describe.each([
  ['one server', 1],
  ['three servers', 3],
])('on %s', (_, servers) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await Nats.start(scene, { servers });
  });
  queueContract('JetStream', () => jetstreamHarness(() => nats, servers));
  crashContract('JetStream', () => jetstreamHarness(() => nats, servers));
});
