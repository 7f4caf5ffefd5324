/**
 * One message for many people at one domain: it goes in as few transactions as receivers take, and each of its recipients
 * counts against the limits and has one outcome.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { type Answers, Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const RECIPIENTS = Array.from({ length: 250 }, (_, index) => `reader${index}@demo.test`);

async function open(limits: object, answers: Answers = {}): Promise<{ fleet: Postfleet; receiver: Receiver }> {
  const config = await ConfigFolder.from(scene, 'bench', { DestinationPolicy: { spec: { limits } } });
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, answers));
  return { fleet: await Postfleet.start(scene, config), receiver };
}

const sizes = ({ taken }: Receiver): number[] => taken.map((it) => it.recipients.length).toSorted((a, b) => a - b);
const arrived = ({ taken }: Receiver): string[] => taken.flatMap((it) => it.recipients);

/** How each recipient ended, as `postfleet trace` has it. */
async function outcomes(fleet: Postfleet, id: string): Promise<string[]> {
  const ends = (await fleet.trace(id)).events.filter((it) => it.type !== 'queued');
  return ends.map((it) => `${it.type} ${it.index}`).toSorted((a, b) => a.localeCompare(b));
}

test('250 recipients at one domain go in three transactions, and each has one outcome', async () => {
  const { fleet, receiver } = await open({ connections: 10 });
  const id = await submit(fleet.ports.submission, 'hello@example.com', RECIPIENTS);
  await until('all have it', () => arrived(receiver).length >= 250);
  expect(sizes(receiver)).toEqual([50, 100, 100]);
  expect(new Set(arrived(receiver)).size).toBe(250);
  await until('every outcome is on record', () => fleet.events().filter((it) => it.type === 'delivered').length >= 250);
  const want = RECIPIENTS.map((_, index) => `delivered ${index}`).toSorted((a, b) => a.localeCompare(b));
  expect(await outcomes(fleet, id)).toEqual(want);
  await fleet.stop();
});

test('a receiver that takes fewer is given as many as it says, or shows', async () => {
  const extensions = ['PIPELINING', '8BITMIME', 'LIMITS RCPTMAX=40'];
  const { fleet, receiver } = await open({ connections: 1 }, { extensions });
  await submit(fleet.ports.submission, 'hello@example.com', RECIPIENTS);
  await until('all have it', () => arrived(receiver).length >= 250);
  expect(Math.max(...sizes(receiver))).toBe(40);
  expect(new Set(arrived(receiver)).size).toBe(250);
  expect(arrived(receiver)).toHaveLength(250);
  await fleet.stop();
});

test('no more recipients go than the rate of messages allows', async () => {
  const { fleet, receiver } = await open({ connections: 10, rate: { count: 50, perSeconds: 60, burst: 50 } });
  const started = Date.now();
  await submit(fleet.ports.submission, 'hello@example.com', RECIPIENTS);
  await until('the rate goes on', () => arrived(receiver).length >= 53);
  const seconds = (Date.now() - started) / 1000;
  expect(sizes(receiver).at(-1)).toBe(50);
  expect(arrived(receiver).length).toBeLessThanOrEqual(50 + Math.ceil((seconds * 50) / 60) + 1);
  await fleet.stop();
});

test('who was deferred together goes together again', async () => {
  const config = await ConfigFolder.from(scene, 'bench', {
    DestinationPolicy: { spec: { retry: { firstSeconds: 2, factor: 1, maxSeconds: 2 } } },
  });
  const greylist: Answers = { rcpt: (_, tries) => (tries === 1 ? '451 4.7.1 come back' : '250 2.1.5 ok') };
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, greylist));
  const fleet = await Postfleet.start(scene, config);
  await submit(fleet.ports.submission, 'hello@example.com', RECIPIENTS);
  await until('all have it', () => arrived(receiver).length >= 250);
  expect(new Set(arrived(receiver)).size).toBe(250);
  // Three transactions were deferred; a second may have begun between them.
  expect(receiver.taken.length).toBeLessThanOrEqual(5);
  await fleet.stop();
});
