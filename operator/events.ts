/**
 * Tells what is worth it as Events of Kubernetes, as `kubectl describe` and `kubectl events` show them.
 *
 * A few at a time and some hundred a minute at most: what is above that is dropped, since every condition says it too. An Event that cannot be written is
 * dropped as well. Its name follows from what it tells, so that two operators tell it once.
 */
import { createHash } from 'node:crypto';
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import type { KubeChange } from '#lib/kube/reflector.ts';
import { type Clock, type Duration, type Instant, seconds } from '#lib/run/clock.ts';
import { type Told, toldBy } from './told.ts';

export interface EventsOptions {
  readonly kube: Pick<Kube, 'create'>;
  readonly clock: Clock;
  /** Of this process. */
  readonly identity: string;
  readonly isLeading: () => boolean;
}

const EVENTS: KubeType = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event' };
const CONTROLLER = 'postfleet.io/operator';
/** One comes free this often, up to so many. */
const EACH: Duration = seconds(0.2);
const MOST = 100;
const LONGEST_NOTE = 1000;

export class Events {
  readonly #options: EventsOptions;
  #free = MOST;
  #counted: Duration;

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#counted = options.clock.monotonic();
  }

  /** A resource of ours has changed. */
  heard(change: KubeChange): void {
    if (!this.#options.isLeading()) return;
    for (const told of toldBy(change)) if (this.#isFree()) void this.#tell(change.object, told);
  }

  #isFree(): boolean {
    const now = this.#options.clock.monotonic();
    this.#free = Math.min(MOST, this.#free + (now - this.#counted) / EACH);
    this.#counted = now;
    if (this.#free < 1) return false;
    this.#free -= 1;
    return true;
  }

  async #tell(object: KubeObject, told: Told): Promise<void> {
    const { kube, clock, identity } = this.#options;
    // It says nothing that no condition says: what cannot be written is not worth trying again.
    await kube.create(EVENTS, eventOf(object, told, identity, clock.now())).catch(() => undefined);
  }
}

function eventOf({ apiVersion, kind, metadata }: KubeObject, told: Told, identity: string, now: Instant): KubeObject {
  const { namespace = '', name, uid, resourceVersion } = metadata;
  const digest = createHash('sha256')
    .update(JSON.stringify([uid, resourceVersion, told]))
    .digest('hex')
    .slice(0, 16);
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, name: `${name}.${digest}` },
    // `metav1.MicroTime`: six digits and no other number of them.
    eventTime: `${new Date(now).toISOString().slice(0, -1)}000Z`,
    reportingController: CONTROLLER,
    reportingInstance: identity.slice(-128),
    action: 'Reconcile',
    reason: told.reason,
    note: told.note.slice(0, LONGEST_NOTE),
    type: told.type,
    regarding: { apiVersion, kind, namespace, name, uid, resourceVersion },
  };
}
