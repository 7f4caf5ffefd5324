/**
 * The ledger on NATS: streams are the truth, each process keeps at hand what is small, in a database that is gone with it.
 *
 * Suppressions, orders, notes and counts are facts that everybody follows (`facts.ts`); what came back is followed by what it is
 * about (`returned.ts`); events are in a stream of their own, where a message is found (`recorder.ts`, `trail.ts`).
 */
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { watchGauge, watchGauges } from '#lib/run/metrics.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '../../../mail/event.ts';
import type { MessageId } from '../../../mail/message.ts';
import type { Suspension } from '../../../mail/suspension.ts';
import { History, type Position } from '../../../queue/jetstream/history.ts';
import { layoutOf } from '../../../queue/jetstream/layout.ts';
import type { Ledger } from '../ledger.ts';
import { SqliteMemory } from '../sqlite-memory.ts';
import { SqliteOrders } from '../sqlite-orders.ts';
import { SqliteSuppressions } from '../sqlite-suppressions.ts';
import { SqliteUsage } from '../sqlite-usage.ts';
import type { Fact } from './fact.ts';
import { Auditor } from './auditor.ts';
import { FACT_TABLES } from './fact-rows.ts';
import { Facts } from './facts.ts';
import { type LedgerLayout, ledgerLayoutOf } from './layout.ts';
import { StreamMemory } from './memory.ts';
import { StreamOrders } from './orders.ts';
import { Recorder } from './recorder.ts';
import { RETURNED_TABLES, StreamReturned } from './returned.ts';
import { type LedgerSizes, makeLedgerStreams } from './streams.ts';
import { StreamSuppressions } from './suppressions.ts';
import { Trail } from './trail.ts';
import { StreamUsage } from './usage.ts';

export interface StreamLedgerOptions extends Omit<LedgerSizes, 'retention'> {
  readonly streams: Streams;
  /** The queue's. */
  readonly name: string;
  readonly shards: number;
  /** By which things expire. */
  readonly clock: Clock;
  /** The machine's, by which NATS is asked again. */
  readonly ioClock: Clock;
  /** A name that nobody else gives. */
  readonly nextName: () => string;
  /** Who counts against quotas; the same after a restart. */
  readonly writer: string;
  /** An empty database with the tables of `LEDGER_VIEW_TABLES`. */
  readonly openView: () => Promise<Database>;
  /** How long events are kept after their message was accepted; a week when absent. */
  readonly retention?: Duration;
  /** Told of what cannot be read, and that NATS cannot be followed or written to for a while. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

export interface StreamLedger extends Ledger {
  /** Calls `listener`, the last one given, with every suspension that is not over when any began or ended, here or elsewhere. */
  onSuspensions(listener: (held: readonly Suspension[]) => void): void;
  /** How far the queue's streams are copied: what they told until then is found without them. */
  copied(): Promise<Position>;
  /** Lets go of everything but the connection. */
  close(): Promise<void>;
}

export const LEDGER_VIEW_TABLES: readonly string[] = [...FACT_TABLES, ...RETURNED_TABLES];

const RETENTION: Duration = hours(7 * 24);
const PRUNE_EVERY: Duration = minutes(1);

/** Resolves when all that holds is at hand. Faults: `nats-settings`, `nats-failed`, `nats-away`. */
export async function openStreamLedger(options: StreamLedgerOptions): Promise<StreamLedger> {
  const { streams, name, retention = RETENTION } = options;
  const layout = ledgerLayoutOf(name);
  await makeLedgerStreams(streams, layout, { ...options, retention });
  const database = await options.openView();
  const opened = new AsyncDisposableStack();
  opened.adopt(database, (it) => it.close());
  try {
    return await build({ ...options, retention, layout, database }, opened);
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

interface Parts extends StreamLedgerOptions {
  readonly retention: Duration;
  readonly layout: LedgerLayout;
  readonly database: Database;
}

async function build(parts: Parts, opened: AsyncDisposableStack): Promise<StreamLedger> {
  const { streams, name, shards, clock, ioClock, database, nextName, writer, troubled } = parts;
  const inView = await SqliteSuppressions.open(database, clock);
  let suspensionsChanged = (): void => {};
  const told = (all: readonly Fact[]): void => {
    for (const it of all) if (it.kind === 'suppression' && it.entry) inView.expect(it.tenant, it.key);
    if (all.some((it) => it.kind === 'suspension')) suspensionsChanged();
  };
  const facts = opened.adopt(await Facts.open({ ...parts, told }), (it) => it.stop());
  const returned = opened.adopt(await StreamReturned.open(parts), (it) => it.stop());
  const history = new History({ streams, layout: layoutOf(name, shards), unreadable: troubled });
  const trail = new Trail({ ...parts, history, returnedOf: (message) => returned.eventsOf(message) });
  const recorder = opened.adopt(new Recorder({ ...parts, history }), (it) => it.stop());
  recorder.start();
  opened.adopt(
    pruning(ioClock, () => Promise.all([inView.prune(), returned.prune()]), troubled),
    (it) => it.stop(),
  );
  const auditor = opened.adopt(auditorOf(parts, { facts, returned, history, recorder, inView }), (it) => it.stop());
  auditor.start();
  watchGauges('ledgerBehind', () => auditor.behind);
  watchGauge('ledgerDiffers', () => auditor.differing);
  const orders = new StreamOrders(facts, new SqliteOrders(database, clock), nextName);
  return {
    trace: (message: MessageId) => trail.of(message),
    last: async (message: MessageId, index: number) => (await trail.of(message)).findLast((it) => it.index === index),
    keep: (events: readonly MailEvent[], copy: Buffer) => returned.keep(events, copy),
    returned,
    suppressions: new StreamSuppressions(facts, inView, clock),
    memory: new StreamMemory(facts, new SqliteMemory(database, clock), clock),
    usage: new StreamUsage(facts, new SqliteUsage(database, clock), writer),
    orders,
    copied: () => recorder.reached(),
    onSuspensions: (listener) => {
      suspensionsChanged = () => void orders.suspensions().then(listener, troubled);
    },
    close: () => opened.disposeAsync(),
  };
}

interface Audited {
  readonly facts: Facts;
  readonly returned: StreamReturned;
  readonly history: History;
  readonly recorder: Recorder;
  readonly inView: SqliteSuppressions;
}

function auditorOf(
  { streams, layout, database, clock, ioClock, troubled }: Parts,
  { facts, returned, history, recorder, inView }: Audited,
): Auditor {
  const endOf = async (stream: string, subject: string) => (await streams.last(stream, subject))?.seq ?? 0;
  return new Auditor({
    ioClock,
    ends: async () => ({
      ...(await history.end()),
      facts: await endOf(layout.facts, layout.allFacts),
      returned: await endOf(layout.back, layout.allBack),
    }),
    known: async () => ({ ...(await recorder.reached()), facts: facts.last, returned: returned.last }),
    compare: (after) => facts.compare(after, { database, suppressions: inView, clock }),
    troubled,
  });
}

/** Every minute; failing loses nothing. */
function pruning(clock: Clock, prune: () => Promise<unknown>, troubled: (thrown: unknown) => void): { stop(): void } {
  let timer: Timer;
  let isStopped = false;
  const plan = (): void => {
    if (isStopped) return;
    timer = clock.after(PRUNE_EVERY, () => void prune().catch(troubled).then(plan));
  };
  plan();
  return {
    stop: () => {
      isStopped = true;
      timer.cancel();
    },
  };
}
