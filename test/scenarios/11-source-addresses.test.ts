/**
 * A pool with several addresses: mail leaves from each by its weight, and a connection keeps the one it has. Without any
 * that can be used it waits, no longer than it lives.
 */
import { expect, test } from 'vitest';
import { type Duration, hours, systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { openData, openInHand } from '#mta/roles/data-folder.ts';
import { newMessageId } from '#mta/mail/message.ts';
import { SqliteQueue } from '#mta/queue/sqlite/queue.ts';
import { recordEvent } from '#mta/settle/ledger/sqlite.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Mailbench } from '../harness/mailbench.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { aMessage } from '../harness/queue.ts';
import { openScene } from '../harness/scene.ts';

const scene = openScene();

const member = (name: string, address: string, weight: number, suspend = false) => ({
  name,
  address,
  weight,
  suspend,
  egress: 'Local',
});

test('mail leaves from every usable address, by weight', async () => {
  const members = [
    member('light', '127.0.0.1', 1),
    member('heavy', '127.0.0.2', 3),
    member('idle', '127.0.0.3', 0),
    member('suspended', '127.0.0.4', 100, true),
  ];
  const config = await ConfigFolder.from(scene, 'bench', {
    IPPool: { spec: { members } },
    DestinationPolicy: { spec: { limits: { connections: 8, messagesPerConnection: 10 } } },
  });
  const fleet = await Postfleet.start(scene, config);
  const load = Mailbench.start(scene, {
    to: config.ports.submission,
    sink: config.ports.receiver,
    messages: 2000,
    connections: 20,
    flags: ['-dkim'],
  });
  expect(await load.verdict()).toMatchObject({ lost: 0, duplicates: 0, unsigned: 0, sourceIPs: 2 });
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  const delivered = fleet.events().filter((it) => it.type === 'delivered');
  expect(delivered).toHaveLength(2000);
  const heavy = delivered.filter((it) => it.source === '127.0.0.2').length;
  expect(heavy / delivered.length).toBeGreaterThan(0.65);
  expect(heavy / delivered.length).toBeLessThan(0.85);
});

/** Mail that was put into a data folder an hour ago. */
async function oldMail(data: string, ...lives: readonly Duration[]): Promise<string[]> {
  const database = await openData(data, false);
  const kept = { database, inHand: openInHand(data), clock: systemClock, recordEvent };
  const queue = await SqliteQueue.open({ ...kept, unreadable: () => undefined });
  const acceptedAt = systemClock.now() - hours(1);
  const mail = lives.map((life) =>
    aMessage({
      id: newMessageId(acceptedAt, systemRandom),
      acceptedAt,
      expiresAt: acceptedAt + life,
      recipients: ['you@demo.test'],
      sender: 'hello@example.com',
    }),
  );
  for (const it of mail) await queue.put(it);
  queue.close();
  await database.close();
  return mail.map((it) => it.id);
}

test('mail of a pool without a usable address ends when its time is over, and not before', async () => {
  const members = [member('suspended', '127.0.0.1', 100, true)];
  const config = await ConfigFolder.from(scene, 'bench', { IPPool: { spec: { members } } });
  const data = scene.folder('old');
  const [patient = '', late = ''] = await oldMail(data, hours(2), hours(1));
  const fleet = await Postfleet.start(scene, config, { data });
  expect((await fleet.event('expired', late)).reply).toMatch(
    /^554 5\.4\.7 .*its time ran out before it could be tried/,
  );
  expect((await fleet.trace(patient)).events.map((it) => it.type)).toEqual(['queued']);
  await fleet.stop();
});
