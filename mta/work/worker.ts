/**
 * Composition root of sending: claims the queue's shard and keeps connections going until it is told to stop.
 *
 *     queue announces a lane → scheduler gives it a connection → deliver: lease, sign, send → settle → report
 *
 * Built from parts that do not know one another; everything that changes while it runs (resources, keys) is asked for
 * anew at each connection. What a connection is given is in `couriers.ts`, what settling asks in `settling.ts`.
 */
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import { type Clock, type Duration, minutes, seconds } from '#lib/run/clock.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Log } from '#lib/run/log.ts';
import { declared, metrics, watchGauge } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { Tracer } from '#lib/trace/tracer.ts';
import { oneOf } from '#lib/metric/declaration.ts';
import { Couriers } from './couriers.ts';
import { Directions } from '../declared/directions.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Notebook } from '../mail/notebook.ts';
import type { Claim, LaneName, Queue } from '../queue/queue.ts';
import { MemoryKeeper } from './memory-keeper.ts';
import { Insight } from '../insight/insight.ts';
import { LocalHands } from '../operate/hands.ts';
import type { Standing } from '../operate/suspending.ts';
import { ReturnPaths } from '../declared/return-paths.ts';
import type { Limits } from '../schedule/limits/limits.ts';
import { LocalLimits } from '../schedule/limits/local.ts';
import type { Plan, Turn } from '../schedule/plan.ts';
import type { ReadyState } from '../schedule/ready-queue.ts';
import { Restraints } from '../schedule/restraints.ts';
import { Rests } from '../schedule/rests.ts';
import { Scheduler } from '../schedule/scheduler.ts';
import { Sources } from '../schedule/source.ts';
import { Suspensions } from '../schedule/suspensions.ts';
import { deliver } from '../send/deliver.ts';
import type { OpenSocket } from '../send/open.ts';
import { Outlived } from '../send/outlived.ts';
import { bouncedByHand } from '../settle/by-hand.ts';
import { Reporter } from '../settle/reporter.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Memory } from '../settle/ledger/memory.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import type { Settler } from '../settle/settle.ts';
import { openSettler } from './settling.ts';
import type { Suspension } from '../mail/suspension.ts';

export interface WorkerOptions {
  readonly queue: Queue;
  readonly resources: () => Resources;
  /** Folder of resources, with the secrets they name; absent: there are none. */
  readonly config?: string | undefined;
  readonly keyring: () => Keyring;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly suppressions: Pick<Suppressions, 'match' | 'suppress'>;
  /** What is known over restarts: warm-up, what rules have counted and set going. */
  readonly memory: Memory;
  /** What people have ordered. */
  readonly orders: Orders;
  /** What was said of mail before. */
  readonly ledger: Pick<Ledger, 'last'>;
  /** Our own name, where a source has none. */
  readonly hostname: string;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Limits on a notebook of what is spent. Absent: they are counted in this process. */
  readonly limits?: ((notebook: Notebook) => Limits) | undefined;
  /** How long a transaction may take to come to DATA once all is to end. */
  readonly hurry?: Duration;
  /** Absent: the machine's own sockets. */
  readonly openSocket?: OpenSocket | undefined;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
}

/** Most connections to receivers at once. */
const CONNECTIONS = 2000;

/** How long a transaction may take to come to DATA once it is to end, unless it is said: most are through long before. */
const HURRY: Duration = seconds(5);

/** The longest wait for the reply to a final dot, and a little. */
const DRAIN: Duration = minutes(11);

/** What was known before the start. */
interface Known {
  readonly keeper: MemoryKeeper;
  readonly held: readonly Suspension[];
}

export class MailWorker {
  /** What is done to the mail that waits here. */
  readonly hands: LocalHands;
  readonly insight: Insight;
  readonly #options: WorkerOptions;
  readonly #claim: Claim;
  readonly #keeper: MemoryKeeper;
  readonly #directions: Directions;
  readonly #limits: Limits;
  readonly #rests: Rests;
  readonly #sources: Sources;
  readonly #restraints: Restraints;
  readonly #suspensions: Suspensions;
  readonly #settler: Settler;
  readonly #reporter: Reporter;
  readonly #couriers: Couriers;
  readonly #scheduler: Scheduler;
  readonly #outlived: Outlived;
  readonly #running = new Set<Promise<void>>();
  #stopping: Promise<void> | undefined;

  private constructor(options: WorkerOptions, claim: Claim, { keeper, held }: Known) {
    this.#options = options;
    this.#claim = claim;
    this.#keeper = keeper;
    this.#directions = new Directions(options);
    const budgets = keeper.notebook('budgets');
    this.#limits = options.limits?.(budgets) ?? new LocalLimits(options.clock, budgets);
    this.#rests = new Rests(options.clock);
    this.#sources = this.#openSources();
    this.#restraints = this.#openRestraints();
    this.#suspensions = new Suspensions({ clock: options.clock, held, replan: () => this.replan() });
    const troubled = (thrown: unknown): void => tellFault('cannot record outcomes', thrown, options.log);
    const parts = { ...options, claim, directions: this.#directions, restraints: this.#restraints };
    this.#settler = openSettler({ ...parts, counted: keeper.notebook('rules'), troubled });
    this.#reporter = new Reporter({ ...options, claim, troubled });
    this.#couriers = new Couriers({
      ...parts,
      settler: this.#settler,
      isTraced: options.tracer !== undefined,
      returnPaths: new ReturnPaths(options),
      troubled: (thrown) => tellFault('cannot deliver', thrown, options.log),
    });
    this.#scheduler = this.#openScheduler();
    this.#restraints.resume();
    this.#outlived = this.#openOutlived();
    this.hands = new LocalHands({
      ...parts,
      siteOf: (lane) => this.#directions.destination(lane).site,
      endRests: (site) => this.#rests.endAt(site),
      replan: () => this.replan(),
      bounced: (lease, asked) => bouncedByHand(lease, asked, options.clock.now()),
    });
    this.insight = new Insight({
      ...parts,
      planOf: (lane) => this.#planOf(lane),
      sites: () => this.sites(),
      restraints: () => this.#restraints.current(),
      parts: { limits: this.#limits, rests: this.#rests, sources: this.#sources, connections: CONNECTIONS },
    });
  }

  #openSources(): Sources {
    const { clock, hostname, resources } = this.#options;
    const pool = (name: string): IPPool | undefined => resources().pool(name);
    return new Sources({ clock, limits: this.#limits, rests: this.#rests, pool, hostname });
  }

  #openRestraints(): Restraints {
    const { clock } = this.#options;
    return new Restraints({
      clock,
      notebook: this.#keeper.notebook('restraints'),
      suspendSite: (site, wait, why) => this.#scheduler.suspend(site, wait, why),
      suspend: (name, wait, why) => this.#rests.suspend(name, wait, why),
      hasOther: (course) => this.#sources.hasOther(course),
      replan: () => this.#scheduler.replan(),
    });
  }

  #openScheduler(): Scheduler {
    return new Scheduler({
      clock: this.#options.clock,
      limits: this.#limits,
      rests: this.#rests,
      sources: this.#sources,
      connections: CONNECTIONS,
      planOf: (lane) => this.#planOf(lane),
      start: (turn) => this.#start(turn),
    });
  }

  #openOutlived(): Outlived {
    const { queue, clock, log } = this.#options;
    return new Outlived({
      queue,
      clock,
      claim: this.#claim,
      stuck: () => this.#scheduler.stuck(),
      expiresAt: (lane, message) => this.#directions.expiresAt({ lane, message }),
      settle: (lease, attempt) => this.#settler.settle(lease, attempt),
      ready: () => this.#settler.ready(),
      troubled: (thrown) => tellFault('cannot look for mail that is too late', thrown, log),
    });
  }

  /** Claims the shard and begins to send. */
  static async start(options: WorkerOptions): Promise<MailWorker> {
    const { memory, clock, log } = options;
    const keeper = await MemoryKeeper.open({
      memory,
      clock,
      troubled: (it) => tellFault('cannot write notes', it, log),
    });
    const held = await options.orders.suspensions();
    const worker = new MailWorker(options, await options.queue.claim(0), { keeper, held });
    watchGauge('deliveryConnections', () => worker.#scheduler.active);
    watchGauge('sitesInTrouble', () => inTrouble(worker.sites()));
    worker.#reporter.start();
    options.queue.watch(worker.#claim, (lane) => worker.#scheduler.announce(lane));
    return worker;
  }

  /** How much of the connections that it may have it has. */
  get connected(): number {
    return this.#scheduler.active / CONNECTIONS;
  }

  /** The resources have changed: what waits goes by them from now on. */
  replan(): void {
    this.#scheduler.replan();
  }

  /** The orders that hold mail back here. */
  get standing(): Standing {
    return this.#suspensions;
  }

  /** These orders hold mail back from now on, and no others: they may be given elsewhere. */
  holdBack(orders: readonly Suspension[]): void {
    this.#suspensions.replace(orders);
  }

  /** What each ready queue does and waits for, for people. */
  sites(): readonly ReadyState[] {
    return this.#scheduler.states();
  }

  /** Ends what is under way, unless it is past DATA. */
  cutShort(): void {
    for (const it of this.#couriers.underWay) it.cutShort();
  }

  /**
   * Starts nothing more, lets every transaction past DATA end and every outcome become durable, then gives the shard up.
   * What is still under way after `limit` is left to the next start. Calling it again waits for the same.
   */
  stop(limit: Duration = DRAIN): Promise<void> {
    this.#stopping ??= this.#stop(limit);
    return this.#stopping;
  }

  async #stop(limit: Duration): Promise<void> {
    this.#scheduler.stop();
    const { clock, log, queue } = this.#options;
    const hurry = clock.after(this.#options.hurry ?? HURRY, () => this.cutShort());
    const late = Promise.withResolvers<'late'>();
    const limited = clock.after(limit, () => late.resolve('late'));
    const ended = await Promise.race([this.#end(), late.promise]);
    if (ended === 'late') log.warn('stopped before everything under way had ended');
    hurry.cancel();
    limited.cancel();
    await queue.release(this.#claim);
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#running, this.#outlived.stop()]);
    await this.#reporter.stop();
    await this.#settler.flush();
    await this.#keeper.stop();
  }

  /** As declared, slowed where receivers asked for it, held where somebody ordered it. */
  #planOf(lane: LaneName): Plan | Promise<void> {
    const plan = this.#directions.planOf(lane);
    return plan instanceof Promise ? plan : this.#suspensions.planFor(lane, this.#restraints.planFor(plan));
  }

  #start(turn: Turn): void {
    const running = deliver(turn, this.#couriers.of(turn));
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }
}

const inTrouble = (states: readonly ReadyState[]): number =>
  new Set(states.flatMap(({ site, trouble }) => (trouble === undefined ? [] : [site]))).size;

function tellFault(what: string, thrown: unknown, log: Log): void {
  metrics.storageFaults.inc({ code: oneOf(declared.counters.storageFaults.labels.code, codeOf(thrown)) });
  log.error(what, { code: codeOf(thrown), reason: reasonOf(thrown) });
}
