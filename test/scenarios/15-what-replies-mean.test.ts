/**
 * What a receiver says has consequences: an address that is not there is written to no more, a rule of one's own suspends
 * a site, and both can be seen by who asks.
 */
import { expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();

test('an address that a receiver does not know is refused at once from then on, a full mailbox is not', async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      rcpt: (address) => {
        if (address.startsWith('gone')) return '550 5.1.1 no such user here';
        return address.startsWith('full') ? '552 5.2.2 mailbox full' : '250 2.1.5 ok';
      },
    }),
  );
  const fleet = await Postfleet.start(scene, config);
  const gone = await submit(fleet.ports.submission, 'hello@example.com', ['gone@demo.test']);
  const full = await submit(fleet.ports.submission, 'hello@example.com', ['full@demo.test']);
  expect(await fleet.event('bounced', gone)).toMatchObject({
    stage: 'rcpt',
    class: 'Invalid Address',
    rule: 'every/no-such-user',
  });
  expect(await fleet.event('bounced', full)).toMatchObject({ class: 'Mailbox Unavailable' });
  await until('the suppression', () => fleet.log().some((it) => it.msg === 'an address was suppressed'));
  await expect(submit(fleet.ports.submission, 'hello@example.com', ['gone@demo.test'])).rejects.toThrow(/suppressed/);
  await submit(fleet.ports.submission, 'hello@example.com', ['full@demo.test']);
  expect(await fleet.metric('postfleet_failures_total', 'outcome="bounced",class="Invalid Address"')).toBe(1);
  await fleet.stop();
});

test("a user's own rule suspends a site for as long as it says, and `postfleet queue` tells of it", async () => {
  const rule = {
    name: 'busy',
    pattern: 'busy * tonight',
    class: 'Frequency/Volume',
    action: 'Suspend',
    scope: 'Site',
    durationSeconds: 4,
  };
  const config = await ConfigFolder.from(scene, 'bench', {
    DestinationPolicy: { spec: { rules: [rule], retry: { firstSeconds: 1, factor: 1, maxSeconds: 1 } } },
  });
  const receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      dot: (_, tries) => (tries === 1 ? '451 4.3.2 Busy, no more mail tonight' : '250 2.0.0 taken'),
    }),
  );
  const fleet = await Postfleet.start(scene, config);
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['you@demo.test']);
  const deferred = await fleet.event('deferred', id);
  expect(deferred).toMatchObject({ rule: 'receiver/busy', fired: { action: 'suspend', scope: 'site' } });
  const queue = scene.start('queue', process.execPath, ['postfleet.ts', 'queue', '--data', fleet.data]);
  await queue.ended;
  expect(queue.stdout).toContain('receiver/busy: suspend');
  expect(queue.stdout).toContain('451 4.3.2 Busy, no more mail tonight');
  const delivered = await fleet.event('delivered', id);
  expect(delivered.at).toBeGreaterThanOrEqual(deferred.fired?.until ?? Infinity);
  expect(receiver.taken).toHaveLength(1);
  await fleet.stop();
});
