/**
 * Tells the operator something of this pod: an annotation of a Lease of the pod's name.
 *
 * Told at once, after each change, and every ten minutes, should somebody have removed it; while the API server cannot be asked,
 * again and again with growing pauses. The Lease belongs to the pod and goes with it.
 */
import { type Clock, type Duration, minutes, seconds, type Timer } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Kube, KubeObject, KubeType } from './kube.ts';

/** One thing that a pod tells. */
export interface PodWord {
  readonly annotation: string;
  /** As it is now; the whole of a Lease's annotations has at most 256 KiB. */
  readonly text: () => string;
  /** Calls after each change of the text, until what it returns is called. */
  readonly onChange: (listener: () => void) => () => void;
  /** Who writes, as the API server calls it; another for each word. */
  readonly manager: string;
}

export interface PodReportOptions extends PodWord {
  readonly kube: Pick<Kube, 'apply'>;
  readonly clock: Clock;
  readonly pod: Pod;
  /** By which whoever reads finds the Lease: the same in all words of a pod. */
  readonly labels: Readonly<Record<string, string>>;
  /** Why it could not be told; it is tried again. Must not throw. */
  readonly failed: (thrown: unknown) => void;
}

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export const LEASES: KubeType = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease' };

const AGAIN: Duration = minutes(10);
const FIRST_PAUSE: Duration = seconds(1);
const LONGEST_PAUSE: Duration = minutes(1);

export class PodReport {
  readonly #options: PodReportOptions;
  readonly #forget: () => void;
  #telling: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #failures = 0;
  #isClosed = false;
  /** One is waited for that will tell what is then. */
  #isAwaited = false;

  /** Begins to tell. */
  constructor(options: PodReportOptions) {
    this.#options = options;
    this.#forget = options.onChange(() => this.#tellSoon());
    this.#tellSoon();
  }

  /** Tells nothing more. Resolves when nothing is under way. Harmless twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#forget();
    this.#timer?.cancel();
    await this.#telling;
  }

  #tellSoon(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.#telling = this.#telling.then(() => this.#tell());
  }

  async #tell(): Promise<void> {
    this.#isAwaited = false;
    if (this.#isClosed) return;
    this.#timer?.cancel();
    const { kube, pod, clock, manager, failed } = this.#options;
    try {
      const written = await kube.apply(LEASES, this.#lease(), manager);
      if (written.kind !== 'written')
        throw new Fault('report-refused', `The Lease ${pod.namespace}/${pod.name} cannot be written: ${written.kind}.`);
      this.#failures = 0;
    } catch (thrown) {
      this.#failures += 1;
      failed(thrown);
    }
    if (!this.#isClosed) this.#timer = clock.after(pauseAfter(this.#failures), () => this.#tellSoon());
  }

  #lease(): KubeObject {
    const { pod, labels, annotation, text } = this.#options;
    const { namespace, name, uid } = pod;
    const annotations = { [annotation]: text() };
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
    const metadata = { namespace, name, labels, annotations, ownerReferences };
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata };
  }
}

const pauseAfter = (failures: number): Duration =>
  failures === 0 ? AGAIN : Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
