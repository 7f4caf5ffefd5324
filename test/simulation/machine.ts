/**
 * One process of the product on the simulated disk, clock and network: the parts that sending is made of, put together as
 * `mta/roles/standalone.ts` does, from its start to its stop or its death.
 */
import { minutes } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { reasonOf } from '#lib/run/fault.ts';
import { Database } from '#lib/sqlite/database.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import { MIGRATIONS } from '#mta/roles/data-folder.ts';
import { Operations } from '#mta/insight/operations.ts';
import type { Claim, Queue } from '#mta/queue/queue.ts';
import { InHand, type Slots } from '#mta/queue/sqlite/in-hand.ts';
import { SqliteQueue } from '#mta/queue/sqlite/queue.ts';
import { QUEUED_IDS } from '#mta/queue/sqlite/tables.ts';
import { recordEvent, SqliteLedger } from '#mta/settle/ledger/sqlite.ts';
import { MailWorker } from '#mta/work/worker.ts';
import type { FakeDns } from '../harness/fake-dns.ts';
import { theResources } from './declared.ts';
import type { Disk, DiskThread } from './disk.ts';
import { Network, type NetworkSurroundings } from './network.ts';
import type { Plant } from './planted.ts';
import { ProcessClock } from './process-clock.ts';
import type { Trace } from './trace.ts';
import { wrapped } from './wrapped.ts';

export interface MachineSurroundings extends NetworkSurroundings {
  readonly trace: Trace;
  readonly disk: Disk;
  readonly slots: Slots;
  readonly dns: FakeDns;
  readonly plant: Plant;
  /** Told of each event that is durable, while the process lives. */
  readonly tell: (event: MailEvent) => void;
}

/** The longest wait for the reply to a final dot, and a little. */
const DRAIN = minutes(11);

export class Machine {
  readonly clock: ProcessClock;
  readonly network: Network;
  readonly thread: DiskThread;
  isDead = false;
  readonly #around: MachineSurroundings;
  #parts:
    | { database: Database; sqlite: SqliteQueue; queue: Queue; ledger: SqliteLedger; worker: MailWorker }
    | undefined;
  #claim: Claim | undefined;
  readonly #leased = new Set<unknown>();

  constructor(around: MachineSurroundings) {
    this.#around = around;
    this.clock = new ProcessClock(around.clock);
    this.thread = around.disk.attach();
    this.network = new Network(around);
  }

  /** Rejects when the disk does not let it. */
  async start(): Promise<void> {
    const { clock, thread } = this;
    const { trace, chance, dns, plant } = this.#around;
    const database = await Database.open({ path: '', migrations: MIGRATIONS }, clock, () => thread);
    const unreadable = (thrown: unknown): void => trace.note(`unreadable: ${reasonOf(thrown)}`);
    const inHand = new InHand(this.#ownSlots());
    const sqlite = await SqliteQueue.open({ database, clock, recordEvent, unreadable, inHand });
    for (const event of sqlite.afterCrash.setAside) this.#tell(event);
    if (sqlite.afterCrash.apart > 0) trace.state('apart after two crashes');
    const ledger = await SqliteLedger.open({ database, clock, queued: QUEUED_IDS });
    const queue = plant.queue(this.#watched(sqlite), { clock, chance, database });
    const worker = await MailWorker.start({
      queue,
      resources: theResources,
      keyring: () => ({ signingKeys: () => [], returnPathKeys: () => [], credential: () => undefined }),
      resolver: dns,
      clock,
      random: chance.random,
      log: logTo(trace),
      suppressions: ledger.suppressions,
      memory: ledger.memory,
      orders: ledger.orders,
      ledger,
      hostname: 'mta.test',
      openSocket: this.network.connect,
      tell: (event) => this.#tell(event),
    });
    this.#parts = { database, sqlite, queue, ledger, worker };
  }

  get queue(): Queue | undefined {
    return this.isDead ? undefined : this.#parts?.queue;
  }

  get sqlite(): SqliteQueue | undefined {
    return this.#parts?.sqlite;
  }

  get worker(): MailWorker | undefined {
    return this.#parts?.worker;
  }

  /** What people may do to its mail. */
  get operations(): Operations | undefined {
    if (!this.#parts) return undefined;
    const { worker, ledger } = this.#parts;
    const { trace, chance } = this.#around;
    const { hands, standing } = worker;
    const world = { clock: this.clock, random: chance.random, log: logTo(trace), resources: theResources };
    return new Operations({ ...world, hands, standing, orders: ledger.orders });
  }

  get claim(): Claim | undefined {
    return this.#claim;
  }

  /** As SIGTERM does. */
  async stop(): Promise<void> {
    if (!this.#parts) return;
    const { database, sqlite, ledger, worker } = this.#parts;
    await worker.stop(DRAIN);
    ledger.close();
    sqlite.close();
    await database.close();
  }

  /** As SIGKILL does. */
  kill(): void {
    this.isDead = true;
    this.clock.die();
    this.thread.cut();
    this.network.cut();
  }

  /** A process that is dead writes nothing. */
  #ownSlots(): Slots {
    const { slots } = this.#around;
    return {
      ...slots,
      write: (bytes, at) => {
        if (!this.isDead) slots.write(bytes, at);
      },
    };
  }

  /**
   * Tells who has claimed it, and holds every message that was leased: what the queue keeps weakly is gone whenever memory is
   * collected, and is read again then, so that one seed would be several runs.
   */
  #watched(queue: Queue): Queue {
    return wrapped(queue, {
      claim: async (shard) => (this.#claim = await queue.claim(shard)),
      lease: async (...asked) => {
        const leases = await queue.lease(...asked);
        for (const { message } of leases) this.#leased.add(message);
        return leases;
      },
    });
  }

  #tell(event: MailEvent): void {
    if (!this.isDead) this.#around.tell(event);
  }
}

const logTo = (trace: Trace): Log => ({
  info: () => undefined,
  warn: (message) => trace.note(`warns: ${message}`),
  error: (message, fields = {}) => trace.note(`fails: ${message} ${JSON.stringify(fields)}`),
  flush: async () => undefined,
});
