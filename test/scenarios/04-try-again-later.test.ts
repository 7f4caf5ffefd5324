/**
 * A receiver that says "later": the message waits, is tried again, is the same message, and ends in exactly one way.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();

const policy = (spec: object) => ({ DestinationPolicy: { spec } });
const SOON = { retry: { firstSeconds: 1, factor: 1, maxSeconds: 1 } };

/** The message without what each attempt adds in front. */
function withoutSignatures(raw: Buffer): string {
  return raw.toString('latin1').replaceAll(/^DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*/gm, '');
}

test('what a receiver defers is tried again in time and delivered, the same to the byte', async () => {
  const config = await ConfigFolder.from(scene, 'bench', policy(SOON));
  const receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      dot: (_, tries) => (tries === 1 ? '451 4.7.1 greylisted, try again later' : '250 2.0.0 taken'),
    }),
  );
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);

  const deferred = await fleet.event('deferred', id);
  expect(deferred).toMatchObject({ attempt: 1, reply: '451 4.7.1 greylisted, try again later' });
  expect((deferred.due ?? 0) - deferred.at).toBeGreaterThanOrEqual(800);
  // Up to 20 % later, and then at a whole second.
  expect((deferred.due ?? 0) - deferred.at).toBeLessThanOrEqual(1200 + 1000);

  const delivered = await fleet.event('delivered', id);
  expect(delivered).toMatchObject({ attempt: 2, reply: '250 2.0.0 taken' });
  expect(delivered.at).toBeGreaterThanOrEqual(deferred.due ?? 0);

  const [first, second] = receiver.seen;
  expect(withoutSignatures(second?.raw ?? Buffer.alloc(0))).toBe(withoutSignatures(first?.raw ?? Buffer.alloc(0)));
  expect(/^Message-ID: .+$/im.exec(second?.raw.toString() ?? '')?.[0]).toBeDefined();
  expect(receiver.taken).toHaveLength(1);
  expect((await fleet.trace(id)).events.map((it) => it.type)).toEqual(['queued', 'deferred', 'delivered']);
  await fleet.stop();
});

test('a recipient that is deferred does not keep the others of the message waiting, and none comes twice', async () => {
  const config = await ConfigFolder.from(scene, 'bench', policy(SOON));
  const receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      rcpt: (address, tries) => (address === 'slow@demo.test' && tries === 1 ? '450 4.2.2 full' : '250 2.1.5 ok'),
    }),
  );
  const fleet = await Postfleet.start(scene, config);
  await submit(fleet.ports.submission, 'hello@example.com', ['a@demo.test', 'slow@demo.test', 'b@other.test']);
  await until('three deliveries', () => receiver.taken.flatMap((it) => it.recipients).length >= 3);
  await fleet.stop();
  expect(receiver.taken.flatMap((it) => it.recipients).toSorted()).toEqual([
    'a@demo.test',
    'b@other.test',
    'slow@demo.test',
  ]);
});

test('a message waits through a restart and is tried when it is due', async () => {
  const config = await ConfigFolder.from(
    scene,
    'bench',
    policy({ retry: { firstSeconds: 2, factor: 1, maxSeconds: 2 } }),
  );
  const receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, { dot: (_, tries) => (tries === 1 ? '451 later' : '250 taken') }),
  );
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  const { due = 0 } = await fleet.event('deferred', id);
  await fleet.stop();

  const again = await Postfleet.start(scene, config, { data: fleet.data });
  const delivered = await again.event('delivered', id);
  expect(delivered).toMatchObject({ attempt: 2 });
  expect(delivered.at).toBeGreaterThanOrEqual(due);
  expect(receiver.taken).toHaveLength(1);
  await again.stop();
});

test('a message that nobody took in its life expires, and its sender is told why', async () => {
  const config = await ConfigFolder.from(scene, 'bench', policy({ ...SOON, expireAfterSeconds: 60 }));
  const receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      rcpt: (address) => (address === 'you@demo.test' ? '451 4.3.2 come back' : '250 2.1.5 ok'),
    }),
  );
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  const expired = await fleet.event('expired', id);
  expect(expired.reply).toBe('554 5.4.7 message expired; last reply: 451 4.3.2 come back');
  const report = await until('the report', () => receiver.taken[0]);
  expect(report).toMatchObject({ sender: '', recipients: ['hello@example.com'] });
  expect(report.raw.toString()).toMatch(/^Status: 5\.4\.7\r$/m);
  await fleet.stop();
});
