/**
 * An update: today's process on a queue that an older one left. All of it ends as it would have, once, and what was known
 * of it then is known now.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/older-queue/queue.db', import.meta.url));
const HOUR = 3_600_000;
const SENDER = 'hello@example.com';

/** Recipients by domain that are delivered by themselves. */
const DRAINS: Readonly<Record<string, number>> = {
  'bulk.test': 5,
  'deferred.test': 5,
  'grey.test': 1,
  'intended.test': 1,
  'keyed.test': 2,
  'late.test': 1,
  'many.test': 40,
  'null.test': 1,
  'soon.test': 1,
  'waiting-0.test': 5,
  'waiting-1.test': 5,
  'waiting-2.test': 5,
  'waiting-3.test': 5,
  'wish.test': 1,
};
/** What waits for somebody. */
const HELD = { 'doubt.test': 1, 'suspended.test': 3 };
const HELD_COUNT = 4;
/** Failed long ago 2, late 1, success that was asked for 1, suppressed 2. */
const REPORTS = 6;
const UNWANTED = 2;

const scene = openScene();
let receiver: Receiver;
let fleet: Postfleet;

/** As if it had been left two hours ago, so that everything in it is due and nothing has outlived itself. */
function makeYoung(file: string): void {
  const database = new DatabaseSync(file);
  const left = Number(
    database.prepare("SELECT max(envelope ->> 'acceptedAt') AS newest FROM message").get()?.['newest'],
  );
  const age = systemClock.now() - 2 * HOUR - left;
  const inJson = (column: string, field: string): string =>
    `${column} = CASE WHEN ${column} ->> '${field}' IS NULL THEN ${column}
      ELSE json_set(${column}, '$.${field}', (${column} ->> '${field}') + ${age}) END`;
  for (const field of ['acceptedAt', 'expiresAt', 'notBefore'])
    database.exec(`UPDATE message SET ${inJson('envelope', field)}`);
  for (const field of ['at', 'due', 'notBefore']) database.exec(`UPDATE event SET ${inJson('event', field)}`);
  database.exec(`UPDATE entry SET due = due + ${age}`);
  database.exec(`UPDATE put_once SET until = until + ${age}`);
  database.close();
}

function byDomain(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const recipient of receiver.taken.flatMap((it) => it.recipients)) {
    const domain = recipient.slice(recipient.indexOf('@') + 1);
    counts[domain] = (counts[domain] ?? 0) + 1;
  }
  return counts;
}

const depth = (): Promise<number> => fleet.metric('postfleet_queue_depth');

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  const data = scene.folder('data');
  copyFileSync(FIXTURE, join(data, 'queue.db'));
  makeYoung(join(data, 'queue.db'));
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  fleet = await Postfleet.start(scene, config, { data });
});

test('all that may go goes once, who is owed a report gets one, and what was held is held', async () => {
  const all = Object.values(DRAINS).reduce((sum, it) => sum + it, REPORTS);
  const taken = (): number => receiver.taken.flatMap((it) => it.recipients).length;
  await until('the queue is drained', async () => taken() >= all && (await depth()) === HELD_COUNT, 60_000);
  expect(byDomain()).toEqual({ ...DRAINS, 'example.com': REPORTS });
  expect(new Set(receiver.taken.flatMap((it) => it.recipients)).size).toBe(all - REPORTS + 1);
  const reports = receiver.taken.filter((it) => it.recipients.includes(SENDER)).map((it) => it.raw.toString());
  const actions = reports.map((it) => /^Action: (\w+)/m.exec(it)?.[1] ?? 'none');
  expect(actions.toSorted((a, b) => a.localeCompare(b))).toEqual([
    'delayed',
    'failed',
    'failed',
    'failed',
    'failed',
    'relayed',
  ]);
  expect(receiver.taken.filter((it) => it.sender === '' && it.recipients.includes('null@null.test'))).toHaveLength(1);
});

test('what it knew is known: events of then and now, keys, whom mail must not reach', async () => {
  const ended = (type: string): number => fleet.events().filter((it) => it.type === type).length;
  expect(ended('bounced')).toBe(UNWANTED);
  const old = fleet.events().find((it) => it.recipient === 'later-0@deferred.test');
  const { events } = await fleet.trace(old?.message ?? '');
  expect(events.map((it) => it.type)).toEqual(['queued', 'deferred', 'delivered']);

  const again = { from: { address: SENDER }, to: [{ address: 'http@keyed.test' }], subject: 'Order', text: 'x' };
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  const answer = await fetch(`http://127.0.0.1:${fleet.ports.api}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': 'by-http' },
    body: JSON.stringify({ ...again, tags: ['order'], metadata: { order: '4711' } }),
  });
  const { id } = (await answer.json()) as { id: string };
  expect((await fleet.trace(id)).events.map((it) => it.type)).toEqual(['queued', 'delivered']);
  await expect(submit(fleet.ports.submission, SENDER, ['other@unwanted.test'])).rejects.toThrow(/550 5\.7\.1/);
});

test('what was held goes when it is let go, and nothing is left', async () => {
  const queue = await fleet.command('queue', '--json');
  expect(Object.keys(HELD).filter((it) => !queue.includes(it))).toEqual([]);
  await fleet.command('resume', '--all');
  await until('nothing waits', async () => (await depth()) === 0, 30_000);
  expect(byDomain()).toEqual({ ...DRAINS, ...HELD, 'example.com': REPORTS });
  expect(await fleet.stop()).toEqual({ code: 0, signal: null });
  const database = new DatabaseSync(join(fleet.data, 'queue.db'));
  const left = database.prepare('SELECT (SELECT count(*) FROM message) AS m, (SELECT count(*) FROM entry) AS e').get();
  database.close();
  expect({ ...left }).toEqual({ m: 0, e: 0 });
});
