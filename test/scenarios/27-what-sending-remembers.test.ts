/**
 * What sending knows is known after a kill: what rules have set going, and how much of a warm-up day is spent.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { type Answers, Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();

async function open(over: Parameters<typeof ConfigFolder.from>[2], answers: Answers = {}) {
  const config = await ConfigFolder.from(scene, 'bench', over);
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, answers));
  const fleet = await Postfleet.start(scene, config);
  const again = (): Promise<Postfleet> => Postfleet.start(scene, config, { data: fleet.data });
  return { receiver, fleet, again };
}

const send = (fleet: Postfleet): Promise<string> =>
  submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);

/** A kill may forget the last second. */
async function killLater(fleet: Postfleet): Promise<void> {
  const from = performance.now();
  await until('what is noted is on disk', () => performance.now() - from > 2000);
  await fleet.kill();
}

async function queueOf(fleet: Postfleet): Promise<string> {
  const queue = scene.start('queue', process.execPath, ['postfleet.ts', 'queue', '--data', fleet.data]);
  await queue.ended;
  return queue.stdout;
}

test('a site that a rule has suspended is shown and left alone after SIGKILL and a restart', async () => {
  const busy = {
    name: 'busy',
    pattern: 'busy * tonight',
    class: 'Frequency/Volume',
    action: 'Suspend',
    scope: 'Site',
    durationSeconds: 600,
  };
  const retry = { firstSeconds: 1, factor: 1, maxSeconds: 1 };
  const { receiver, fleet, again } = await open(
    { DestinationPolicy: { spec: { rules: [busy], retry } } },
    { dot: (_, tries) => (tries === 1 ? '451 4.3.2 busy, no more mail tonight' : '250 2.0.0 taken') },
  );
  const { fired } = await fleet.event('deferred', await send(fleet));
  expect(fired).toMatchObject({ action: 'suspend', scope: 'site' });
  await killLater(fleet);

  const next = await again();
  const other = await send(next);
  await until('the queue says why it waits', async () => (await queueOf(next)).includes('no more mail tonight'));
  expect(await queueOf(next)).toContain('receiver/busy: suspend');
  expect(receiver.seen).toHaveLength(1);
  expect((await next.trace(other)).events.map((it) => it.type)).toEqual(['queued']);
  await next.stop();
});

test('what a rule has counted before SIGKILL counts after it', async () => {
  const often = {
    name: 'often',
    pattern: 'slow down',
    class: 'Frequency/Volume',
    action: 'Suspend',
    scope: 'Site',
    trigger: { count: 2, perSeconds: 600 },
    durationSeconds: 600,
  };
  const retry = { firstSeconds: 600, factor: 1, maxSeconds: 600 };
  const { fleet, again } = await open(
    { DestinationPolicy: { spec: { rules: [often], retry } } },
    { dot: () => '451 4.7.1 slow down' },
  );
  expect((await fleet.event('deferred', await send(fleet))).fired).toBeUndefined();
  await killLater(fleet);
  const next = await again();
  expect((await next.event('deferred', await send(next))).fired).toMatchObject({ action: 'suspend' });
  await next.stop();
});

test("a warm-up day's count goes on after SIGKILL", async () => {
  const startDate = new Date().toISOString().slice(0, 10);
  const warmup = { startDate, plan: 'Custom', dailyLimits: [3, 3] };
  const members = [{ name: 'new', address: '127.0.0.1', egress: 'Local', warmup }];
  const { receiver, fleet, again } = await open({ IPPool: { spec: { members } } });
  for (const id of [await send(fleet), await send(fleet)]) await fleet.event('delivered', id);
  await killLater(fleet);
  const next = await again();
  await next.event('delivered', await send(next));
  await send(next);
  await until('the queue says why it waits', async () => (await queueOf(next)).includes('warm-up'));
  expect(receiver.taken).toHaveLength(3);
  await next.stop();
});
