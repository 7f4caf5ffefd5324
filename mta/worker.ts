/**
 * Composition root of sending: claims the queue's shard and keeps connections going until it is told to stop.
 *
 *     queue announces a lane → scheduler gives it a connection → deliver: lease, sign, send → settle → report
 *
 * Built from parts that do not know one another; everything that changes while it runs (resources, keys) is asked for
 * anew at each connection.
 */
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { Clock, Duration } from '#lib/run/clock.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import { shippedPolicies } from '#crds/shipped.ts';
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { Resources } from '#crds/source/resources.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics, watchGauge } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { MailEvent } from './event.ts';
import type { Course, Firing } from './firing.ts';
import { dueOf } from './message.ts';
import { type Claim, type Lease, parseLane, type Queue, type Settlement } from './queue/queue.ts';
import { ownPlaces } from './own-places.ts';
import { type Reply, replyLine } from './reply.ts';
import { ReplyActions } from './reply-actions.ts';
import { ReplyRules } from './reply-rules.ts';
import { ReturnPaths } from './return-paths.ts';
import { Destinations } from './schedule/destination.ts';
import { LocalLimits } from './schedule/limits/local.ts';
import type { Plan, Turn } from './schedule/plan.ts';
import { Plans } from './schedule/plans.ts';
import type { ReadyState } from './schedule/ready-queue.ts';
import { Restraints } from './schedule/restraints.ts';
import { Rests } from './schedule/rests.ts';
import { nextAttempt } from './schedule/retry.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { type EgressSource, Sources } from './schedule/source.ts';
import { Whereabouts } from './schedule/whereabouts.ts';
import type { ConnectFailure, ConnectSetup } from './send/connect.ts';
import type { Opening } from './send/courier.ts';
import { deliver } from './send/deliver.ts';
import { dial } from './send/dial.ts';
import { familiesOf, resolve } from './send/resolve.ts';
import { sign } from './send/sign.ts';
import { defaultTimeouts } from './send/timeouts.ts';
import { clientContext } from './send/tls.ts';
import { suppressedReply } from './suppression.ts';
import { Reporter } from './settle/reporter.ts';
import type { Suppressions } from './settle/ledger/suppressions.ts';
import { Settler } from './settle/settle.ts';

export interface WorkerOptions {
  readonly queue: Queue;
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly suppressions: Pick<Suppressions, 'match' | 'suppress'>;
  /** Our own name, where a source has none. */
  readonly hostname: string;
  /** Told of each durable event. Must not throw. */
  readonly tell: (event: MailEvent) => void;
}

/** Made anew when the resources change. */
interface Tables {
  readonly of: Resources;
  readonly destinations: Destinations;
  readonly replies: ReplyRules;
}

/** Most connections to receivers at once. */
const CONNECTIONS = 2000;

export class MailWorker {
  readonly #options: WorkerOptions;
  readonly #claim: Claim;
  readonly #scheduler: Scheduler;
  readonly #restraints: Restraints;
  readonly #rests: Rests;
  readonly #settler: Settler;
  readonly #reporter: Reporter;
  readonly #setup: ConnectSetup;
  readonly #returnPaths: ReturnPaths;
  readonly #plans: Plans;
  readonly #running = new Set<Promise<void>>();
  #tables: Tables | undefined;

  private constructor(options: WorkerOptions, claim: Claim) {
    const { queue, clock, random, hostname, tell } = options;
    this.#options = options;
    this.#claim = claim;
    this.#returnPaths = new ReturnPaths(options);
    this.#setup = { clock, timeouts: defaultTimeouts, context: clientContext() };
    const troubled = (thrown: unknown): void => this.#troubled('cannot record outcomes', thrown);
    this.#rests = new Rests(clock);
    this.#restraints = new Restraints({
      clock,
      suspendSite: (site, wait, why) => this.#scheduler.suspend(site, wait, why),
      suspend: (name, wait, why) => this.#rests.suspend(name, wait, why),
      hasOther: ({ pool }) => (options.resources().pool(pool)?.spec.members.length ?? 0) > 1,
      replan: () => this.#scheduler.replan(),
    });
    const { suppressions, log } = options;
    const actions = new ReplyActions({ restraints: this.#restraints, suppressions, log });
    this.#settler = new Settler({
      queue,
      claim,
      clock,
      tell,
      troubled,
      refused: (settlements) => this.#refused(settlements),
      rulesOf: (lease, { host }) => this.#table().replies.of(parseLane(lease.lane).domain, hostNameOf(host)),
      courseOf: (lease, { from }) => this.#courseOf(lease, from),
      fire: (firing) => actions.fire(firing),
      suppress: (event) => actions.suppress(event),
      onInDoubt: (lease) => this.#plans.destination(parseLane(lease.lane).domain).onInDoubt,
      expiresAt: (lease) => this.#expiresAt(lease),
      nextAttempt: (lease, attempts, first) => this.#nextAttempt(lease, attempts, first),
    });
    this.#reporter = new Reporter({ queue, claim, clock, random, hostname, troubled });
    this.#plans = new Plans({
      destinations: () => this.#table().destinations,
      whereabouts: new Whereabouts({ clock, resolver: options.resolver }),
    });
    this.#scheduler = this.#openScheduler();
  }

  #openScheduler(): Scheduler {
    const { clock, hostname, resources } = this.#options;
    const [limits, rests] = [new LocalLimits(clock), this.#rests];
    const pool = (name: string): IPPool | undefined => resources().pool(name);
    return new Scheduler({
      clock,
      limits,
      rests,
      sources: new Sources({ clock, limits, rests, pool, hostname }),
      connections: CONNECTIONS,
      planOf: (lane) => this.#planOf(lane),
      start: (turn) => this.#start(turn),
    });
  }

  /** Claims the shard and begins to send. */
  static async start(options: WorkerOptions): Promise<MailWorker> {
    const worker = new MailWorker(options, await options.queue.claim(0));
    watchGauge('postfleet_delivery_connections', 'Connections to receivers open now.', () => worker.#scheduler.active);
    worker.#reporter.start();
    options.queue.watch(worker.#claim, (lane) => worker.#scheduler.announce(lane));
    return worker;
  }

  /** The resources have changed: what waits goes by them from now on. */
  replan(): void {
    this.#scheduler.replan();
  }

  /** What rules have set going, for people. */
  restraints(): readonly Firing[] {
    return this.#restraints.current();
  }

  /** What each ready queue does and waits for, for people. */
  sites(): readonly ReadyState[] {
    return this.#scheduler.states();
  }

  /**
   * Starts nothing more, lets every transaction end and every outcome become durable, then gives the shard up. What is
   * still under way after `limit` is left to the next start.
   */
  async stop(limit: Duration): Promise<void> {
    this.#scheduler.stop();
    const { clock, log, queue } = this.#options;
    const late = new Promise<'late'>((tell) => clock.after(limit, () => tell('late')));
    if ((await Promise.race([this.#end(), late])) === 'late') log.warn('stopped before everything under way had ended');
    await queue.release(this.#claim);
  }

  async #end(): Promise<void> {
    await Promise.all(this.#running);
    await this.#reporter.stop();
    await this.#settler.flush();
  }

  /** As declared, and slowed where receivers asked for it. */
  #planOf(lane: string): Plan | Promise<void> {
    const plan = this.#plans.of(lane);
    return plan instanceof Promise ? plan : this.#restraints.planFor(plan);
  }

  #courseOf({ lane, message: { tenant, domain } }: Lease, source: string | undefined): Course {
    const { pool } = parseLane(lane);
    const { site, provider = site } = this.#plans.destination(parseLane(lane).domain);
    return { site, provider, tenant, domain, pool, source };
  }

  /** What the newest resources say of destinations and their replies. */
  #table(): Tables {
    const resources = this.#options.resources();
    if (this.#tables?.of !== resources) {
      const { policies } = resources;
      const [cluster] = resources.clusters;
      if (!cluster) throw new Error('a source of resources has an MTACluster');
      const shipped = shippedPolicies();
      const destinations = new Destinations(policies, cluster.spec.defaults, shipped.providers);
      this.#tables = { of: resources, destinations, replies: new ReplyRules(policies, shipped) };
    }
    return this.#tables;
  }

  #start(turn: Turn): void {
    const { domain } = parseLane(turn.offer.lane);
    const { messagesPerConnection, site } = this.#plans.destination(domain);
    const from = turn.source.name;
    const { queue, clock, keyring } = this.#options;
    const running = deliver(turn, {
      queue,
      clock,
      claim: this.#claim,
      messages: Math.min(messagesPerConnection, this.#restraints.messagesOn(site)),
      hold: (lease) => (this.#restraints.isIdle ? undefined : this.#restraints.hold(this.#courseOf(lease, undefined))),
      onInDoubt: (lease) => this.#plans.destination(parseLane(lease.lane).domain).onInDoubt,
      suppressed: (lease) => this.#suppressed(lease),
      open: () => this.#open(turn.source, domain),
      sign: ({ message }) => sign(message, keyring().signingKeys(message.domain), clock.now()),
      senderOf: ({ message, index }) => this.#returnPaths.senderOf(message, index),
      settle: (lease, attempt) => this.#settler.settle(lease, { ...attempt, from }),
      expiresAt: (lease) => this.#expiresAt(lease),
      ready: () => this.#settler.ready(),
      missed: (failure) => this.#missed(failure),
      troubled: (thrown) => this.#troubled('cannot deliver', thrown),
    });
    this.#running.add(running);
    void running.then(() => this.#running.delete(running));
  }

  /** Reports are not mail of the tenant's to its recipients: whoever handed mail in is owed them. */
  #suppressed({ message: { via, tenant }, recipient }: Lease): undefined | Promise<Reply | undefined> {
    const found = via === 'system' ? undefined : this.#options.suppressions.match(tenant, recipient);
    return found?.then((it) => it && suppressedReply(it));
  }

  async #open(source: EgressSource, domain: string): Promise<Opening> {
    const { resources, hostname } = this.#options;
    const { routes, tls } = this.#plans.destination(domain);
    const allowPrivate = resources().clusters[0]?.spec.dns.allowPrivate ?? [];
    const own = ownPlaces(resources(), hostname);
    const destination = { domain, routes, families: familiesOf(source.address), allowPrivate, own };
    const resolution = await resolve(destination, this.#options);
    if (resolution.kind === 'unroutable') return resolution;
    return dial(resolution.targets, { source, tls, allowPrivate }, this.#setup);
  }

  #nextAttempt(lease: Lease, attempts: number, first?: Duration): number | undefined {
    const { clock, random } = this.#options;
    const { retry } = this.#plans.destination(parseLane(lease.lane).domain);
    const policy = { ...retry, first: first ?? retry.first };
    return nextAttempt(attempts, clock.now(), this.#expiresAt(lease), policy, random);
  }

  #expiresAt({ message, lane }: Lease): number {
    const { expireAfter } = this.#plans.destination(parseLane(lane).domain);
    return Math.min(message.expiresAt, dueOf(message) + expireAfter);
  }

  #missed({ stage, target, reply: said }: ConnectFailure): void {
    metrics.connectFailures.inc({ stage });
    const fields = { stage, host: target.host, address: target.address, port: target.port, reply: replyLine(said) };
    this.#options.log.warn('no session', fields);
  }

  #refused(settlements: readonly Settlement[]): void {
    const messages = settlements.map(({ event }) => `${event.message}-${event.index} ${event.type}`);
    this.#options.log.error('outcomes came too late to count, their mail is tried again', { messages });
  }

  #troubled(what: string, thrown: unknown): void {
    metrics.storageFaults.inc({ code: codeOf(thrown) || 'unknown' });
    this.#options.log.error(what, { code: codeOf(thrown), reason: reasonOf(thrown) });
  }
}

/** `mx1.example.net` of `mx1.example.net [192.0.2.1]:25`. */
const hostNameOf = (host: string | undefined): string | undefined => host?.split(' ', 1)[0]?.toLowerCase();
