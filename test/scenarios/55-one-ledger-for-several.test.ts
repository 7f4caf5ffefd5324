/**
 * One ledger of several processes: what one writes the others know, two that write at once lose nothing of each other, and what
 * was durable outlives the writer and the servers.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import type { AuditEvent } from '#mta/mail/audit.ts';
import type { Suppression } from '#mta/mail/suppression.ts';
import type { Suspension } from '#mta/mail/suspension.ts';
import { Facts } from '#mta/settle/ledger/jetstream/facts.ts';
import { ledgerLayoutOf } from '#mta/settle/ledger/jetstream/layout.ts';
import type { StreamLedgerOptions } from '#mta/settle/ledger/jetstream/open.ts';
import { SqliteSuppressions } from '#mta/settle/ledger/sqlite-suppressions.ts';
import { newName } from '../harness/jetstream.ts';
import type { Scribe } from '../harness/ledger-process.ts';
import { Nats } from '../harness/nats.ts';
import { openScene } from '../harness/scene.ts';
import { type OpenedLedger, openLedger, openLedgerView } from '../harness/stream-ledger.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const PROGRAM = fileURLToPath(new URL('../harness/ledger-process.ts', import.meta.url));
let nats: Nats;
beforeAll(async () => {
  nats = await Nats.start(scene);
});

async function open(name: string, over: Partial<StreamLedgerOptions> = {}): Promise<OpenedLedger> {
  const opened = await openLedger(nats, name, systemClock, over);
  onTestFinished(() => opened.close());
  return opened;
}

async function openTwo(over: Partial<StreamLedgerOptions> = {}) {
  const name = newName();
  return { name, one: (await open(name, over)).ledger, other: (await open(name, over)).ledger };
}

const at = systemClock.now();
const entry = (subject: string, over: Partial<Suppression> = {}): Suppression => ({
  subject,
  reason: 'manual',
  source: 'api',
  createdAt: at,
  ...over,
});

const about = { tenant: 'shop' };
const audit = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  v: 1,
  at,
  by: 'ann',
  operation: 'suspend',
  stage: 'done',
  about,
  recipients: 0,
  ...over,
});
const order = (id: string): Suspension => ({ id, about, why: 'so', by: 'ann', at });

test('what one suppresses or lets go of, another finds at once when it is asked, and mail meets a moment later', async () => {
  const { one, other } = await openTwo();
  expect(other.suppressions.match('shop', 'ann@dest.test')).toBeUndefined();
  await one.suppressions.suppress('shop', [entry('ann@dest.test')]);
  expect(await other.suppressions.find('shop', 'ann@dest.test')).toEqual(entry('ann@dest.test'));
  expect(await other.suppressions.list('shop', { limit: 9 })).toHaveLength(1);
  expect(await other.suppressions.match('shop', 'ann@dest.test')).toEqual(entry('ann@dest.test'));
  expect(other.suppressions.match('default', 'ann@dest.test')).toBeUndefined();

  await one.suppressions.replace('shop', entry('dest.test'));
  await until('it is met', async () => (await other.suppressions.match('shop', 'eve@dest.test')) !== undefined);
  expect(await other.suppressions.unsuppress('shop', 'dest.test')).toEqual(entry('dest.test'));
  expect(await one.suppressions.unsuppress('shop', 'dest.test')).toBeUndefined();
  expect(await one.suppressions.match('shop', 'eve@dest.test')).toBeUndefined();
});

test('of two that suppress the same at once the longer stands, for both and for whoever comes', async () => {
  const { name, one, other } = await openTwo();
  const subjects = Array.from({ length: 300 }, (_, no) => `u${no}@dest.test`);
  const ending = (length: number) => subjects.map((it) => entry(it, { expiresAt: at + 3_600_000 * length }));
  await Promise.all([
    one.suppressions.suppress('shop', ending(2)),
    other.suppressions.suppress('shop', ending(3)),
    one.suppressions.suppress('shop', ending(1)),
  ]);
  for (const { suppressions } of [one, other, (await open(name)).ledger]) {
    const listed = await suppressions.list('shop', { limit: 1000 });
    expect(listed).toHaveLength(300);
    expect(new Set(listed.map((it) => it.expiresAt))).toEqual(new Set([at + 3_600_000 * 3]));
  }
});

test('records of two at once are all there, each with a number of its own, and with what they changed', async () => {
  const { one, other } = await openTwo();
  const heard: (readonly Suspension[])[] = [];
  other.onSuspensions((held) => heard.push(held));
  const record = (it: typeof one, no: number): Promise<void> =>
    it.orders.record(audit({ recipients: no }), { begin: order(`s${no}`) });
  await Promise.all(Array.from({ length: 40 }, (_, no) => record(no % 2 === 0 ? one : other, no)));
  for (const { orders } of [one, other]) {
    const records = await orders.audit(100);
    expect(records.map((it) => it.no)).toEqual(Array.from({ length: 40 }, (_, no) => 40 - no));
    expect(new Set(records.map((it) => it.recipients)).size).toBe(40);
    expect(await orders.suspensions()).toHaveLength(40);
  }
  await until('the other hears of all', () => heard.at(-1)?.length === 40);
  await one.orders.record(audit({ operation: 'resume' }), { end: ['s7'] });
  await until('the other hears of the end', () => heard.at(-1)?.length === 39);
});

test('what each counts against quotas is its own', async () => {
  const name = newName();
  const used = (count: number) => ({ key: 'hour credential a.b', part: 7, count, until: at + 3_600_000 });
  const [one, other] = [(await open(name, { writer: 'one' })).ledger, (await open(name, { writer: 'other' })).ledger];
  await Promise.all([one.usage.write([used(3)]), other.usage.write([used(5)])]);
  expect([await one.usage.read(), await other.usage.read()]).toEqual([[used(3)], [used(5)]]);
  expect(await (await open(name, { writer: 'other' })).ledger.usage.read()).toEqual([used(5)]);
});

test('what a writer was told is durable is there when it is killed, and a record never without its change', async () => {
  const name = newName();
  const scribe: Scribe = { urls: nats.urls, name };
  const doneBy: number[] = [];
  for (const limit of [5, 25]) {
    const program = scene.start(`scribe-${limit}`, process.execPath, [PROGRAM, JSON.stringify(scribe)]);
    await until(
      'it has written',
      () => program.exit !== undefined || program.stdout.includes(`done ${limit}\n`),
      30_000,
    );
    await program.kill();
    doneBy.push(...[...program.stdout.matchAll(/^done (\d+)$/gm)].map(([, no]) => Number(no)));
  }
  expect(doneBy.length).toBeGreaterThan(30);
  const { suppressions, orders, memory } = (await open(name)).ledger;
  const notes = new Set((await memory.read()).map((it) => it.key));
  const records = await orders.audit(1000);
  const held = new Set((await orders.suspensions()).map((it) => it.id));
  for (const no of new Set(doneBy)) {
    const found = await Promise.all(['a', 'b'].map((it) => suppressions.find('shop', `${it}${no}@dest.test`)));
    expect([...found.map((it) => it !== undefined), notes.has(`note ${no}`)]).toEqual([true, true, true]);
  }
  for (const { recipients, suspensions } of records)
    expect([suspensions, held.has(`s${recipients}`)]).toEqual([[`s${recipients}`], true]);
  expect(records.length).toBeGreaterThanOrEqual(doneBy.length);
  expect(records.map((it) => it.no)).toEqual(records.map((_, place) => records.length - place));
});

test('while NATS is away what is known is answered, a write fails and says so, and when it is back all is one again', async () => {
  const own = await Nats.start(scene);
  const name = newName();
  const [one, other] = await Promise.all(
    [1, 2].map(async () => {
      const opened = await openLedger(own, name, systemClock, { troubled: () => undefined });
      onTestFinished(() => opened.close());
      return opened.ledger;
    }),
  );
  if (!one || !other) throw new Error('two are open');
  await one.suppressions.suppress('shop', [entry('ann@dest.test')]);
  await one.orders.record(audit(), { begin: order('a') });
  await own.kill(0);
  expect(await one.suppressions.match('shop', 'ann@dest.test')).toEqual(entry('ann@dest.test'));
  expect(await one.suppressions.find('shop', 'ann@dest.test')).toEqual(entry('ann@dest.test'));
  expect(await one.orders.suspensions()).toEqual([order('a')]);
  const refused = await Promise.allSettled([
    one.suppressions.suppress('shop', [entry('eve@dest.test')]),
    one.suppressions.replace('shop', entry('bob@dest.test')),
    one.orders.record(audit(), { begin: order('b') }),
    one.memory.write([{ key: 'a', value: 1, until: at + 3_600_000 }]),
    one.keep([], Buffer.alloc(0)),
  ]);
  expect(refused.map((it) => (it.status === 'rejected' ? (it.reason as { code: string }).code : it.status))).toEqual([
    ...Array.from({ length: 4 }, () => 'storage-failed'),
    'fulfilled',
  ]);
  await own.restart(0);
  await until(
    'it can be written',
    () =>
      other.suppressions.suppress('shop', [entry('eve@dest.test')]).then(
        () => true,
        () => false,
      ),
    30_000,
  );
  await until(
    'it comes to the other',
    async () => (await one.suppressions.match('shop', 'eve@dest.test')) !== undefined,
  );
  for (const { suppressions, orders } of [one, other, (await openOn(own, name)).ledger]) {
    expect(await suppressions.find('shop', 'ann@dest.test')).toEqual(entry('ann@dest.test'));
    expect((await orders.suspensions()).map((it) => it.id)).toContain('a');
  }
});

test('whoever compares a view with its stream finds all that differs, and nothing where nothing does', async () => {
  const name = newName();
  const { ledger, streams } = await open(name);
  await ledger.suppressions.suppress(
    'shop',
    ['ann', 'bob', 'eve'].map((it) => entry(`${it}@dest.test`)),
  );
  await ledger.suppressions.unsuppress('shop', 'bob@dest.test');
  await ledger.memory.write([{ key: 'a', value: { b: [1] }, until: at + 3_600_000 }]);
  for (const id of ['a', 'b']) await ledger.orders.record(audit(), { begin: order(id) });
  const database = await openLedgerView();
  onTestFinished(() => database.close());
  const facts = await Facts.open({
    streams,
    layout: ledgerLayoutOf(name),
    database,
    clock: systemClock,
    ioClock: systemClock,
    nextName: randomUUID,
    writer: 'auditor',
    told: () => undefined,
    troubled: () => undefined,
  });
  onTestFinished(() => facts.stop());
  const view = { database, clock: systemClock, suppressions: await SqliteSuppressions.open(database, systemClock) };
  expect(await facts.compare(0, view)).toEqual({ differing: 0, next: 0 });
  const damages = [
    "DELETE FROM suppression WHERE key = 'ann@dest.test'",
    "UPDATE note SET value = '2'",
    "DELETE FROM suspension WHERE id = 'b'",
    'DELETE FROM audit WHERE no = 1',
  ];
  await database.write(damages.map((sql) => ({ sql, params: [] })));
  expect(await facts.compare(0, view)).toEqual({ differing: 4, next: 0 });
});

async function openOn(own: Nats, name: string): Promise<OpenedLedger> {
  const opened = await openLedger(own, name, systemClock);
  onTestFinished(() => opened.close());
  return opened;
}
