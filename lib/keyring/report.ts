/**
 * Tells the operator which keyring this pod has in use: the revision of each bundle, in a Lease of the pod's name.
 *
 * Told at once, after each change, and every ten minutes, should somebody have removed it; while the API server cannot be asked,
 * again and again with growing pauses. The Lease belongs to the pod and goes with it. A key becomes active when every worker
 * has reported it, so a pod that cannot report holds up rotations and nothing else.
 */
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { type Clock, type Duration, minutes, seconds, type Timer } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { FolderKeyring } from './folder.ts';

export interface ReportOptions {
  readonly kube: Pick<Kube, 'apply'>;
  readonly keyring: Pick<FolderKeyring, 'revisions' | 'onChange'>;
  readonly clock: Clock;
  readonly pod: Pod;
  /** Why it could not be told; it is tried again. Must not throw. */
  readonly failed: (thrown: unknown) => void;
}

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The annotation, `{"dkim/00.json": "<revision>", …}`, and the label of every such Lease. */
export const KEYRING_REPORT = 'postfleet.io/keyring';
export const REPORTS_KEYRING = { 'postfleet.io/reports': 'keyring' } as const;
export const LEASES: KubeType = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease' };

const AGAIN: Duration = minutes(10);
const FIRST_PAUSE: Duration = seconds(1);
const LONGEST_PAUSE: Duration = minutes(1);

export class KeyringReport {
  readonly #options: ReportOptions;
  readonly #forget: () => void;
  #telling: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #failures = 0;
  #isClosed = false;

  /** Begins to tell. */
  constructor(options: ReportOptions) {
    this.#options = options;
    this.#forget = options.keyring.onChange(() => this.#tellSoon());
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
    this.#telling = this.#telling.then(() => this.#tell());
  }

  async #tell(): Promise<void> {
    if (this.#isClosed) return;
    this.#timer?.cancel();
    const { kube, keyring, pod, clock, failed } = this.#options;
    try {
      const written = await kube.apply(LEASES, leaseOf(pod, keyring.revisions()), 'postfleet-keyring');
      if (written.kind !== 'written')
        throw new Fault('report-refused', `The Lease ${pod.namespace}/${pod.name} cannot be written: ${written.kind}.`);
      this.#failures = 0;
    } catch (thrown) {
      this.#failures += 1;
      failed(thrown);
    }
    if (!this.#isClosed) this.#timer = clock.after(pauseAfter(this.#failures), () => this.#tellSoon());
  }
}

const pauseAfter = (failures: number): Duration =>
  failures === 0 ? AGAIN : Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);

function leaseOf({ namespace, name, uid }: Pod, revisions: ReadonlyMap<string, string>): KubeObject {
  const annotations = { [KEYRING_REPORT]: JSON.stringify(Object.fromEntries(revisions)) };
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  const metadata = { namespace, name, labels: REPORTS_KEYRING, annotations, ownerReferences };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata };
}
