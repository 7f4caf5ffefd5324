/**
 * What each connection is given for its life: how to open a session, sign, settle, and whom to ask before each message.
 */
import type { Resources } from '#crds/source/resources.ts';
import type { Resolver } from '#lib/dns/resolver.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Random } from '#lib/run/random.ts';
import type { Directions } from './directions.ts';
import { ownPlaces } from './own-places.ts';
import { type Claim, type LaneName, type Lease, parseLane, type Queue } from './queue/queue.ts';
import { type Reply, replyLine } from './reply.ts';
import type { ReturnPaths } from './return-paths.ts';
import type { Turn } from './schedule/plan.ts';
import type { Restraints } from './schedule/restraints.ts';
import type { EgressSource } from './schedule/source.ts';
import type { Approach, ConnectFailure, ConnectSetup } from './send/connect.ts';
import type { Courier, Opening, OpeningFor, UnderWay } from './send/courier.ts';
import { dial, dialFor, type Need } from './send/dial.ts';
import { Lacks } from './send/lacks.ts';
import { measured } from './send/measured.ts';
import { familiesOf, type Resolution, resolve } from './send/resolve.ts';
import { sign } from './send/sign.ts';
import { defaultTimeouts } from './send/timeouts.ts';
import { clientContext } from './send/tls.ts';
import type { Suppressions } from './settle/ledger/suppressions.ts';
import type { Settler } from './settle/settle.ts';
import { suppressedReply } from './suppression.ts';

export interface CouriersOptions {
  readonly queue: Queue;
  readonly claim: Claim;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly resolver: Resolver;
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  readonly suppressions: Pick<Suppressions, 'match'>;
  /** Our own name, where a source has none. */
  readonly hostname: string;
  readonly directions: Directions;
  readonly restraints: Restraints;
  readonly returnPaths: ReturnPaths;
  readonly settler: Settler;
  /** Told of faults of ours. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

export class Couriers {
  /** Every connection that is under way. */
  readonly underWay = new Set<UnderWay>();
  readonly #options: CouriersOptions;
  readonly #setup: ConnectSetup;

  constructor(options: CouriersOptions) {
    this.#options = options;
    this.#setup = {
      clock: options.clock,
      timeouts: defaultTimeouts,
      context: clientContext(),
      lacks: new Lacks(options.clock),
    };
  }

  of({ offer, source }: Turn): Courier {
    const { queue, claim, clock, keyring, directions, restraints, returnPaths, settler, troubled } = this.#options;
    const { messagesPerConnection, site } = directions.destination(offer.lane);
    return {
      underWay: this.underWay,
      queue,
      clock,
      claim,
      messages: Math.min(messagesPerConnection, restraints.messagesOn(site)),
      hold: (lease) => (restraints.isIdle ? undefined : restraints.hold(directions.courseOf(lease, undefined))),
      onInDoubt: (lease) => directions.onInDoubt(lease),
      suppressed: (lease) => this.#suppressed(lease),
      open: () => this.#open(source, offer.lane),
      openFor: (need) => this.#openFor(need, source, offer.lane),
      sign: ({ message }) => sign(message, keyring().signingKeys(message.domain, message.tenant), clock.now()),
      senderOf: ({ message, index }) => returnPaths.senderOf(message, index),
      settle: (lease, attempt) => settler.settle(lease, { ...attempt, from: source.name }),
      expiresAt: (lease) => directions.expiresAt(lease),
      ready: () => settler.ready(),
      missed: (failure) => this.#missed(failure),
      troubled,
    };
  }

  /** Reports are not mail of the tenant's to its recipients: whoever handed mail in is owed them. */
  #suppressed({ message: { via, tenant }, recipient }: Lease): undefined | Promise<Reply | undefined> {
    const found = via === 'system' ? undefined : this.#options.suppressions.match(tenant, recipient);
    return found?.then((it) => it && suppressedReply(it));
  }

  async #open(source: EgressSource, lane: LaneName): Promise<Opening> {
    const resolution = await this.#resolve(source, lane);
    if (resolution.kind === 'unroutable') return resolution;
    return dial(resolution.targets, this.#approach(source, lane), this.#setup);
  }

  async #openFor(need: Need, source: EgressSource, lane: LaneName): Promise<OpeningFor> {
    const resolution = await this.#resolve(source, lane, true);
    if (resolution.kind === 'unroutable') return resolution;
    const { targets, missing } = resolution;
    const opening = await dialFor(need, targets, this.#approach(source, lane), this.#setup);
    // A host that DNS does not tell of for now may offer it.
    return opening.kind === 'unoffered' && missing ? { kind: 'unroutable', reply: missing } : opening;
  }

  #resolve(source: EgressSource, lane: LaneName, isByHost = false): Promise<Resolution> {
    const { resources, hostname, directions, clock } = this.#options;
    const { routes } = directions.destination(lane);
    const own = ownPlaces(resources(), hostname);
    const { domain } = parseLane(lane);
    const families = familiesOf(source.address);
    const journey = { domain, routes, families, allowPrivate: this.#allowPrivate, own, isByHost };
    return measured('resolve', clock, () => resolve(journey, this.#options));
  }

  #approach(source: EgressSource, lane: LaneName): Approach {
    const { tls, tlsMinVersion } = this.#options.directions.destination(lane);
    return { source, tls, tlsMinVersion, allowPrivate: this.#allowPrivate };
  }

  get #allowPrivate(): readonly string[] {
    return this.#options.resources().clusters[0]?.spec.dns.allowPrivate ?? [];
  }

  #missed({ stage, target, reply: said }: ConnectFailure): void {
    metrics.connectFailures.inc({ stage });
    const fields = { stage, host: target.host, address: target.address, port: target.port, reply: replyLine(said) };
    this.#options.log.warn('no session', fields);
  }
}
