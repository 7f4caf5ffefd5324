/**
 * Kinds of which nothing is made: it is only said how each of them is.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { AnyResource, Kind } from '#crds/kinds.ts';
import type { Kube, KubeObject } from '#lib/kube/kube.ts';
import type { ControllerName } from '#lib/metric/operating.ts';
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import { conditionsAfter, type Finding } from '../controller/condition.ts';
import type { Reconciler } from '../controller/controller.ts';
import { conditionsOf, keepStatus, type Status } from '../controller/status.ts';
import { wishesOf } from '../controller/wishes.ts';
import type { Worked } from '../controller/work-queue.ts';
import { resourceIn } from '../typed.ts';
import type { World } from '../world.ts';

type OfKind<K extends Kind> = Extract<AnyResource, { readonly kind: K }>;

/** What is said of one, and by when time alone may change it. */
export interface Said {
  readonly findings: readonly Finding[];
  /** Fields of the status beside the conditions. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly again?: Duration;
}

export interface DeclaredOptions<K extends Kind> {
  readonly kube: Pick<Kube, 'applyStatus'>;
  readonly world: World;
  readonly clock: Clock;
  readonly name: ControllerName;
  readonly kind: K;
  readonly say: (resource: OfKind<K>, now: Instant, observed: KubeObject) => Said;
  /** One is no more. */
  readonly gone?: (key: string) => void;
}

export class DeclaredReconciler<K extends Kind> implements Reconciler {
  readonly name: ControllerName;
  readonly #options: DeclaredOptions<K>;

  constructor(options: DeclaredOptions<K>) {
    this.name = options.name;
    this.#options = options;
  }

  async reconcile(key: string): Promise<Worked> {
    const { kube, world, clock, kind, say, gone } = this.#options;
    const observed = world.object(typeOfKind(kind), key);
    const resource = resourceIn(observed, kind);
    if (!observed) gone?.(key);
    if (!observed || !resource || observed.metadata.deletionTimestamp !== undefined) return { kind: 'done' };
    if (wishesOf(observed.metadata.annotations).isPaused) return { kind: 'done' };
    const now = clock.now();
    const said = say(resource, now, observed);
    const written = await keepStatus(kube, typeOfKind(kind), observed, statusOf(observed, said, now));
    if (written.kind === 'conflict') return { kind: 'conflict' };
    return { kind: 'done', ...(said.again !== undefined && { again: said.again }) };
  }
}

function statusOf(observed: KubeObject, { findings, fields }: Said, now: Instant): Status {
  const generation = observed.metadata.generation ?? 0;
  const conditions = conditionsAfter(conditionsOf(observed), findings, { generation, now });
  return { observedGeneration: generation, conditions, ...fields };
}
