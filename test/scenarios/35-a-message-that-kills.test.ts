/**
 * A message with which the process dies, whatever it is about it: others are delivered, it waits for a person.
 *
 * The death is a SIGKILL at the moment when a receiver has the message: nothing is written down any more.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const POISON = 'poison@demo.test';
const scene = openScene();

test('it is tried three times, then set aside with an event and a metric, and goes when a person says so', async () => {
  let isDeadly = true;
  const config = await ConfigFolder.from(scene, 'bench');
  const beforeDotReply = ({ recipients }: { readonly recipients: readonly string[] }) =>
    isDeadly && recipients.includes(POISON) ? new Promise(() => {}) : undefined;
  const receiver = scene.adopt(await Receiver.listen(config.ports.receiver, { beforeDotReply }));
  const timesOf = (recipient: string): number => receiver.seen.filter((it) => it.recipients.includes(recipient)).length;

  let fleet = await Postfleet.start(scene, config);
  const send = (recipient: string) => submit(fleet.ports.submission, 'hello@example.com', [recipient]);
  const poison = await send(POISON);
  for (let time = 1; time <= 3; time += 1) {
    await until(`the receiver has it for time ${time}`, () => timesOf(POISON) === time);
    await fleet.kill();
    fleet = await Postfleet.start(scene, config, { data: fleet.data });
    await fleet.event('delivered', await send('other@demo.test'));
  }

  const event = await fleet.event('set-aside', poison);
  expect(event).toMatchObject({ recipient: POISON, reply: expect.stringMatching(/3 crashes: postfleet resume/) });
  expect(fleet.log()).toContainEqual(expect.objectContaining({ level: 'warn', inHand: 1, setAside: 1 }));
  expect(await fleet.metric('postfleet_set_aside_total')).toBe(1);
  expect((await fleet.trace(poison)).events.map((it) => it.type)).toEqual(['queued', 'set-aside']);
  expect(await fleet.command('explain', POISON)).toContain(
    'held until resumed, 0 attempts, last: in hand at 3 crashes',
  );
  expect(timesOf(POISON)).toBe(3);

  isDeadly = false;
  await fleet.command('resume', '--message', poison);
  await fleet.event('delivered', poison);
  expect((await fleet.stop()).code).toBe(0);
});
