/**
 * `take-over`: how long a shard on NATS is nobody's when another process takes it, with a backlog in it; and what 64 shards cost a
 * process that have nothing in them. Asked: all that waited is there, nothing else is.
 *
 * One nats-server that syncs always, on the same machine. Messages of 2 KB over a thousand domains; a tenth is deferred, so that
 * there are outcomes to carry out as well. Reading needs the headers alone, whatever the size.
 */
import { Database } from '../lib/sqlite/database.ts';
import { SharedThread } from '../lib/sqlite/shared-thread.ts';
import { minutes, systemClock } from '../lib/run/clock.ts';
import { systemRandom } from '../lib/run/random.ts';
import { newMessageId } from '../mta/mail/message.ts';
import { reply } from '../mta/mail/reply.ts';
import type { Opened } from '../mta/queue/jetstream/open.ts';
import { VIEW_TABLES } from '../mta/queue/jetstream/view.ts';
import type { Claim, Queue } from '../mta/queue/queue.ts';
import { newName, openQueue } from '../test/harness/jetstream.ts';
import { Nats } from '../test/harness/nats.ts';
import { aMessage } from '../test/harness/queue.ts';
import { settlementOf } from '../test/harness/settlement.ts';
import { needNats } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';

const FULL = { backlogs: [1000, 10_000, 100_000], rounds: 3, shards: 64 };
const SHORT = { backlogs: [500, 3000], rounds: 1, shards: 16 };
const DOMAINS = 1000;
const SIZE = 2048;
const AT_ONCE = 400;

interface Taken {
  readonly backlog: number;
  readonly seconds: number;
  readonly depth: number;
}

/** Views as a process has them: in one thread, or in one each. */
const viewsIn = (thread: SharedThread | undefined) => ({
  openView: () =>
    Database.open(
      { path: '', isScratch: true, migrations: VIEW_TABLES },
      systemClock,
      ...(thread ? [thread.start] : []),
    ),
});

async function fill(queue: Queue, claim: Claim, backlog: number): Promise<void> {
  const now = systemClock.now();
  for (let put = 0; put < backlog; put += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, backlog - put) }, (_, at) =>
      aMessage({
        id: newMessageId(now, systemRandom),
        acceptedAt: now,
        expiresAt: now + minutes(4320),
        recipients: [`r@d${(put + at) % DOMAINS}.test`],
        raw: Buffer.alloc(SIZE, 'x'),
      }),
    );
    await Promise.all(some.map((it) => queue.put(it)));
  }
  const outcome = { kind: 'later', reply: reply(451, '4.0.0', 'later'), due: now + minutes(60) } as const;
  for (const { lane, depth } of queue.depth()) {
    const leases = await queue.lease(claim, lane, Math.ceil(depth / 10), minutes(10));
    await queue.settle(
      claim,
      leases.map((it) => settlementOf(it, outcome)),
    );
  }
}

const open = (nats: Nats, name: string, shards: number, thread: SharedThread | undefined): Promise<Opened> =>
  openQueue(nats, name, systemClock, { shards, ...viewsIn(thread) });

const timed = async <T>(work: () => Promise<T>): Promise<number> => {
  const begun = systemClock.monotonic();
  await work();
  return (systemClock.monotonic() - begun) / 1000;
};

/** A shard with so much in it changes hands again and again. */
async function takeOver(nats: Nats, backlog: number, rounds: number): Promise<Taken[]> {
  const [name, thread] = [newName(), new SharedThread()];
  const first = await open(nats, name, 1, thread);
  await fill(first.queue, await first.queue.claim(0), backlog);
  await first.close();
  const taken: Taken[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { queue, close } = await open(nats, name, 1, thread);
    const seconds = await timed(() => queue.claim(0));
    taken.push({ backlog, seconds, depth: queue.depth().reduce((sum, it) => sum + it.depth, 0) });
    await close();
  }
  return taken;
}

/** Empty shards, claimed by one process: seconds and megabytes. */
async function holdAll(nats: Nats, shards: number, thread: SharedThread | undefined) {
  const { queue, close } = await open(nats, newName(), shards, thread);
  const before = process.memoryUsage().rss;
  const all = Array.from({ length: shards }, (_, shard) => shard);
  const seconds = await timed(() => Promise.all(all.map((it) => queue.claim(it))));
  const megabytes = (process.memoryUsage().rss - before) / 1e6;
  await close();
  return { seconds, megabytes };
}

export async function measureTakeOver(isShort: boolean, say: Say): Promise<Finding> {
  await needNats();
  const { backlogs, rounds, shards } = isShort ? SHORT : FULL;
  return onStage(async (stage) => {
    const nats = await Nats.start(stage);
    const taken: Taken[] = [];
    for (const backlog of backlogs) {
      taken.push(...(await takeOver(nats, backlog, rounds)));
      say(
        `${backlog} messages: ${taken
          .filter((it) => it.backlog === backlog)
          .map((it) => it.seconds.toFixed(2))
          .join(', ')} s`,
      );
    }
    const shared = await holdAll(nats, shards, new SharedThread());
    const own = await holdAll(nats, shards, undefined);
    const rows = backlogs.map((backlog) => {
      const seconds = median(taken.filter((it) => it.backlog === backlog).map((it) => it.seconds));
      return [String(backlog), seconds.toFixed(2), (backlog / seconds).toFixed(0)];
    });
    const costs = [
      ['one thread for all views', shared],
      ['a thread for each', own],
    ] as const;
    const cells = costs.map(([name, it]) => [name, it.seconds.toFixed(1), it.megabytes.toFixed(0)]);
    const text = [
      table(['messages that wait', 's until the shard is taken', 'a second'], rows),
      table([`${shards} empty shards`, 's until all are held', 'MB more'], cells),
    ].join('\n\n');
    const faults = taken.filter((it) => it.depth !== it.backlog).map((it) => `${it.depth} of ${it.backlog} are there`);
    return { text, about: `the middle of ${rounds}`, faults };
  });
}
