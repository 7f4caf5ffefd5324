/**
 * What happened to mail is found on NATS: as it happens, when it has been copied, and when the queue's log has let go of it.
 */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { minutes, systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import { type Message, newMessageId } from '#mta/mail/message.ts';
import { reply } from '#mta/mail/reply.ts';
import type { Opened } from '#mta/queue/jetstream/open.ts';
import { ledgerLayoutOf } from '#mta/settle/ledger/jetstream/layout.ts';
import { newName, openQueue } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import { aMessage } from '../harness/queue.ts';
import { openScene } from '../harness/scene.ts';
import { settlementOf } from '../harness/settlement.ts';
import { type OpenedLedger, openLedger } from '../harness/stream-ledger.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
const SHARDS = 4;
const DOMAINS = Array.from({ length: 12 }, (_, at) => `d${at}.test`);
let nats: Nats;
beforeAll(async () => {
  nats = await Nats.start(scene);
});

async function openBoth(name: string, servers = nats): Promise<Opened & OpenedLedger> {
  const queue = await openQueue(servers, name, systemClock, { shards: SHARDS, logBytes: 2 ** 26, doneBytes: 2 ** 26 });
  onTestFinished(() => queue.close());
  const ledger = await openLedger(servers, name, systemClock, { shards: SHARDS, troubled: () => undefined });
  onTestFinished(() => ledger.close());
  return { ...queue, ...ledger };
}

const mail = (recipients: readonly string[]): Message =>
  aMessage({ id: newMessageId(systemClock.now(), systemRandom), acceptedAt: systemClock.now(), recipients });

/** Puts messages and delivers all of them. */
async function send({ queue }: Opened, messages: readonly Message[]): Promise<void> {
  await Promise.all(messages.map((it) => queue.put(it)));
  const claims = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => queue.claim(shard)));
  for (const claim of claims) {
    for (const { lane } of queue.depth()) {
      const leases = await queue.lease(claim, lane, 1000, minutes(1));
      const ok = { kind: 'delivered', reply: reply(250, '2.0.0', 'ok') } as const;
      await queue.settle(
        claim,
        leases.map((it) => settlementOf(it, ok)),
      );
    }
  }
}

const toldOf = (events: readonly MailEvent[]): string[] => events.map((it) => `${it.type} ${it.index}`);

/** All queued first, then each delivered once. */
function expectWhole(events: readonly MailEvent[], { recipients, raw }: Message): void {
  const told = toldOf(events);
  const all = (type: string): string[] => recipients.map((_, index) => `${type} ${index}`).toSorted();
  expect(told.slice(0, recipients.length).toSorted()).toEqual(all('queued'));
  expect(told.slice(recipients.length).toSorted()).toEqual(all('delivered'));
  expect(new Set(events.filter((it) => it.type === 'queued').map((it) => it.size))).toEqual(new Set([raw.length]));
}

const copied = (name: string, { streams, layout }: Opened): Promise<unknown> =>
  until(
    'all is copied',
    async () => {
      const ledger = ledgerLayoutOf(name);
      const reached = await streams.last(ledger.events, ledger.reached);
      const { log, done } = JSON.parse(reached?.payload.toString() ?? '{}') as { log?: number; done?: number };
      const ends = [await streams.last(layout.log, layout.allIn), await streams.last(layout.done, layout.allDone)];
      return log === ends[0]?.seq && done === ends[1]?.seq;
    },
    20_000,
  );

test('each recipient’s events are there at once, the same when they are copied, and when the log is gone', async () => {
  const name = newName();
  const opened = await openBoth(name);
  const { ledger, streams, layout } = opened;
  const wide = mail(DOMAINS.map((it) => `r@${it}`));
  const messages = [wide, ...Array.from({ length: 40 }, (_, at) => mail([`r${at}@${DOMAINS[at % 12] ?? ''}`]))];
  await send(opened, messages);
  const before = await Promise.all(messages.map((it) => ledger.trace(it.id)));
  for (const [at, it] of messages.entries()) expectWhole(before[at] ?? [], it);
  await copied(name, opened);
  expect(await Promise.all(messages.map((it) => ledger.trace(it.id)))).toEqual(before);
  await streams.purge(layout.log, { before: 1_000_000 });
  const anew = await openLedger(nats, name, systemClock, { shards: SHARDS });
  onTestFinished(() => anew.close());
  expect(await anew.ledger.trace(wide.id)).toEqual(before[0]);
  expect(await anew.ledger.last(wide.id, 3)).toMatchObject({ type: 'delivered', index: 3 });
  await ledger.keep(
    [{ ...(before[0]?.[0] as MailEvent), type: 'returned', at: systemClock.now() }],
    Buffer.from('back'),
  );
  expect(toldOf(await anew.ledger.trace(wide.id)).at(-1)).toBe('returned 0');
});

test('three that copy at once, and a server that is killed meanwhile, leave no event out and none twice', async () => {
  const own = await Nats.start(scene);
  const name = newName();
  const opened = await openBoth(name, own);
  const { ledger } = opened;
  for (let at = 0; at < 2; at += 1) {
    const more = await openLedger(own, name, systemClock, { shards: SHARDS, troubled: () => undefined });
    onTestFinished(() => more.close());
  }
  const sent: Message[] = [];
  for (let round = 0; round < 2; round += 1) {
    const messages = Array.from({ length: 1500 }, (_, at) => mail([`r${at}@${DOMAINS[at % 12] ?? ''}`]));
    await send(opened, messages);
    sent.push(...messages);
    if (round === 0) {
      await own.kill(0);
      await own.restart(0);
    }
  }
  await copied(name, opened);
  for (const it of sent.filter((_, at) => at % 100 === 0)) expectWhole(await ledger.trace(it.id), it);
  expect(await ledger.trace(newMessageId(systemClock.now(), systemRandom))).toEqual([]);
});
