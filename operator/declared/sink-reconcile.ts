/**
 * Carries out what an `EventSink` says: observe, plan, apply, status. Secrets that it names are of its own namespace and no other.
 */
import { typeOfKind } from '#crds/definition.ts';
import type { EventSink } from '#crds/kinds/event-sink.ts';
import type { SecretRef } from '#crds/parts.ts';
import { type Kube, kubeKey, type KubeObject } from '#lib/kube/kube.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { conditionsAfter } from '../controller/condition.ts';
import type { Reconciler } from '../controller/controller.ts';
import { conditionsOf, keepStatus } from '../controller/status.ts';
import { wishesOf } from '../controller/wishes.ts';
import type { Worked } from '../controller/work-queue.ts';
import { clusterRouteOf, type ClusterRoute, type Targets } from '../grants.ts';
import { resourceIn } from '../typed.ts';
import { SECRETS } from '../types.ts';
import type { World } from '../world.ts';
import { type Chosen, planSink, type SinkPlan } from './sink.ts';
import { newSigningKey, SIGNING_KEY_BYTES, sinkName } from './sink-secret.ts';

export interface SinkOptions {
  readonly kube: Kube;
  readonly world: World;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly random: Random;
}

const CONFLICT: Worked = { kind: 'conflict' };
const SINKS = typeOfKind('EventSink');
const NONE: Chosen = { kind: 'none' };

export class SinkReconciler implements Reconciler {
  readonly name = 'eventsink';
  readonly #options: SinkOptions;

  constructor(options: SinkOptions) {
    this.#options = options;
  }

  async reconcile(key: string): Promise<Worked> {
    const { kube, world, targets, clock } = this.#options;
    const observed = world.object(SINKS, key);
    const sink = resourceIn(observed, 'EventSink');
    if (!observed || !sink || observed.metadata.deletionTimestamp !== undefined) return { kind: 'done' };
    if (wishesOf(observed.metadata.annotations).isPaused) return { kind: 'done' };
    const { write, findings, fields } = await this.#plan(sink, observed, clusterRouteOf(sink, targets));
    if (write && !(await this.#write(write))) return CONFLICT;
    const generation = observed.metadata.generation ?? 0;
    const conditions = conditionsAfter(conditionsOf(observed), findings, { generation, now: clock.now() });
    const status = { observedGeneration: generation, conditions, ...fields };
    const written = await keepStatus(kube, SINKS, observed, status);
    return written.kind === 'conflict' ? CONFLICT : { kind: 'done' };
  }

  async #plan(sink: EventSink, observed: KubeObject, route: ClusterRoute): Promise<SinkPlan> {
    const { signingRef, headersRef } = sink.spec.webhook;
    const { namespace } = sink.metadata;
    const isGranted = route.kind === 'granted';
    return planSink({
      sink,
      observed,
      route,
      secret: await this.#secretOf(sink),
      signing: isGranted ? await this.#chosen(namespace, signingRef) : NONE,
      headers: isGranted ? await this.#chosen(namespace, headersRef) : NONE,
      newKey: newSigningKey(this.#options.random.bytes(SIGNING_KEY_BYTES)),
    });
  }

  /** One that does not bear our label is found by asking. */
  async #secretOf(sink: EventSink): Promise<KubeObject | undefined> {
    const { kube, world } = this.#options;
    const place = { namespace: sink.metadata.namespace, name: sinkName(sink) };
    return world.object(SECRETS, kubeKey(place)) ?? (await kube.get({ type: SECRETS, ...place }));
  }

  async #chosen(namespace: string, ref: SecretRef | undefined): Promise<Chosen> {
    if (!ref) return NONE;
    const found = await this.#options.kube.get({ type: SECRETS, namespace, name: ref.name });
    const { [ref.key]: encoded } = (found?.['data'] ?? {}) as Readonly<Record<string, string>>;
    if (encoded !== undefined) return { kind: 'text', text: Buffer.from(encoded, 'base64').toString() };
    return { kind: 'problem', problem: `there is no key ${ref.key} of Secret ${namespace}/${ref.name}: make it` };
  }

  /** False when somebody was first. */
  async #write({ how, object }: NonNullable<SinkPlan['write']>): Promise<boolean> {
    const { kube } = this.#options;
    const written = how === 'create' ? await kube.create(SECRETS, object) : await kube.replace(SECRETS, object);
    return written.kind === 'written';
  }
}
