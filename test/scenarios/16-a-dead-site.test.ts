/**
 * A receiver that cannot be reached: its mail waits with it, costs one connection a probe and no attempts, and goes when
 * it is back.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const MESSAGES = 40;
/** The first rests of a site are 15 s and 30 s. */
const A_REST = 60_000;

test('however many messages wait, a dead site is probed by one connection at a time', async () => {
  const config = await ConfigFolder.from(scene, 'bench', {
    DestinationPolicy: { spec: { limits: { connections: 1 } } },
  });
  const fleet = await Postfleet.start(scene, config);
  const ids = await Promise.all(
    Array.from({ length: MESSAGES }, (_, at) =>
      submit(fleet.ports.submission, 'hello@example.com', [`user${at}@demo.test`]),
    ),
  );
  const deferred = await fleet.event('deferred');
  expect(deferred).toMatchObject({ attempt: 0, stage: 'connect', class: 'Technical', rule: 'own/no-connection' });

  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, {}));
  await until('every message', () => receiver.taken.length >= MESSAGES, A_REST);
  const traces = await Promise.all(ids.map((id) => fleet.trace(id)));
  await fleet.stop();
  const events = traces.flatMap((it) => it.events);
  expect(events.filter((it) => it.type === 'deferred').length).toBeLessThanOrEqual(3);
  expect(events.filter((it) => it.type === 'delivered').map((it) => it.attempt)).toEqual(Array(MESSAGES).fill(1));
  expect(receiver.taken).toHaveLength(MESSAGES);
});
