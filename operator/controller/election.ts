/**
 * Keeps trying to lead, and says when it does and when it no more does.
 *
 * `isLeading` is true only while the lease was renewed within ten seconds, by the monotonic clock at the time of asking: a process
 * that was held up for longer sees it before it writes anything. Once lost, leading does not come back: whoever runs this
 * ends the process. Leading is no fence; what leaders write must be harmless from two of them.
 */
import type { Kube, KubeObject, KubePlace, KubeType, KubeWritten } from '#lib/kube/kube.ts';
import type { Clock, Duration, Timer } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Random } from '#lib/run/random.ts';
import {
  GIVEN_UP_AFTER,
  holderOf,
  type LeaseStep,
  nextLease,
  releasedLease,
  RENEWED_WITHIN,
  TRIES_EVERY,
} from './lease.ts';

export interface ElectionOptions {
  readonly kube: Pick<Kube, 'get' | 'create' | 'replace'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly namespace: string;
  readonly name: string;
  /** Different for every process. */
  readonly identity: string;
  /** Begins to lead. Called once at most. Must not throw. */
  readonly began: () => void;
  /** Leads no more, though it did not end. Called once at most. Must not throw. */
  readonly lost: () => void;
  /** Why it was not possible to ask for the lease. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const LEASE: KubeType = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease' };
const JITTER = 0.2;

/** One look at the lease, and what it writes. */
interface Try {
  readonly asked: Duration;
  isGivenUp: boolean;
}

export class Election {
  readonly #options: ElectionOptions;
  readonly #place: KubePlace;
  readonly #running: Promise<void>;
  #seen: { readonly text: string; readonly at: Duration } = { text: '', at: 0 };
  /** When the last renewal was asked for that was granted. */
  #renewed: Duration | undefined;
  #isLost = false;
  #isClosed = false;
  #pausing: { readonly timer: Timer; readonly end: () => void } | undefined;

  /** Begins to try at once. */
  constructor(options: ElectionOptions) {
    const { namespace, name } = options;
    this.#options = options;
    this.#place = { type: LEASE, namespace, name };
    this.#running = this.#run();
  }

  get isLeading(): boolean {
    const { clock } = this.#options;
    return !this.#isLost && this.#renewed !== undefined && clock.monotonic() - this.#renewed < RENEWED_WITHIN;
  }

  /** Gives up the lease, so that another begins at once. To be called when nothing is written any more. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pausing?.timer.cancel();
    this.#pausing?.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed && !this.#isLost) {
      const { isGivenUp } = await this.#tryInTime();
      this.#judge();
      if (!isGivenUp && !this.#isClosed && !this.#isLost) await this.#pause();
    }
    await this.#release();
  }

  async #pause(): Promise<void> {
    const { clock, random } = this.#options;
    await new Promise<void>((end) => {
      const timer = clock.after(TRIES_EVERY * (1 + JITTER * random.fraction()), end);
      this.#pausing = { timer, end };
    });
  }

  /** One request that nobody answers must not take the time of all tries that a holder has. Never rejects. */
  async #tryInTime(): Promise<Try> {
    const { clock, troubled } = this.#options;
    const trying: Try = { asked: clock.monotonic(), isGivenUp: false };
    await new Promise<void>((end) => {
      const timer = clock.after(GIVEN_UP_AFTER, () => {
        trying.isGivenUp = true;
        troubled(new Fault('kube-unreachable', 'The API server does not answer about the lease: it is asked again.'));
        end();
      });
      void this.#try(trying)
        .catch(troubled)
        .finally(() => {
          timer.cancel();
          end();
        });
    });
    return trying;
  }

  async #try(trying: Try): Promise<void> {
    const { kube, clock, identity } = this.#options;
    const lease = await kube.get(this.#place);
    if (trying.isGivenUp) return;
    const unchangedFor = this.#unchangedFor(lease);
    const step = nextLease({ lease, unchangedFor, identity, now: clock.now() });
    const written = await this.#write(step, lease);
    if (written?.kind === 'written') this.#won(trying);
  }

  #unchangedFor(lease: KubeObject | undefined): Duration {
    const now = this.#options.clock.monotonic();
    const text = JSON.stringify([lease?.metadata.uid, lease?.metadata.resourceVersion]);
    if (text !== this.#seen.text) this.#seen = { text, at: now };
    return now - this.#seen.at;
  }

  async #write(step: LeaseStep, lease: KubeObject | undefined): Promise<KubeWritten | undefined> {
    const { kube, namespace, name } = this.#options;
    if (step.kind === 'wait') return undefined;
    if (lease && step.kind === 'replace') return kube.replace(LEASE, { ...lease, spec: step.spec });
    const metadata = { namespace, name };
    return kube.create(LEASE, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: step.spec });
  }

  #won({ asked, isGivenUp }: Try): void {
    // An answer that took too long is none: somebody else may lead by now. If it was granted, the next try finds itself as the holder.
    if (this.#isLost || isGivenUp || this.#options.clock.monotonic() - asked >= RENEWED_WITHIN) return;
    const isFirst = this.#renewed === undefined;
    this.#judge();
    if (this.#isLost) return;
    this.#renewed = asked;
    if (isFirst) this.#options.began();
  }

  #judge(): void {
    if (this.#isLost || this.#renewed === undefined || this.isLeading) return;
    this.#isLost = true;
    this.#options.lost();
  }

  async #release(): Promise<void> {
    const { kube, clock, identity, troubled } = this.#options;
    if (this.#renewed === undefined) return;
    try {
      const lease = await kube.get(this.#place);
      if (lease && holderOf(lease) === identity)
        await kube.replace(LEASE, { ...lease, spec: releasedLease(lease, clock.now()) });
    } catch (thrown) {
      troubled(thrown);
    }
  }
}
