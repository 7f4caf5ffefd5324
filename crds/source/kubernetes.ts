/**
 * `ResourceSource` on the Kubernetes API: the world of one `MTACluster`, by list and watch, over all namespaces or some.
 *
 * - A change is taken when it is told, gathered for a moment; what is not valid is left out and named in `problems`.
 * - An API server that cannot be asked changes nothing: the last world stays, also over a restart, by a snapshot on disk.
 *   After a while it is a problem that says so.
 * - It reads our kinds and nothing else, and writes nothing to the API.
 */
import type { Kube, KubeObject, KubeType } from '#lib/kube/kube.ts';
import { Reflector } from '#lib/kube/reflector.ts';
import { type Clock, type Duration, type Instant, type Timer, milliseconds, seconds } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import type { Random } from '#lib/run/random.ts';
import { typeOfKind } from '../definition.ts';
import { KINDS, type Kind } from '../kinds.ts';
import { type ClusterKey, type Judged, admitted } from './admitted.ts';
import { Judge } from './judge.ts';
import { type Resources, gather } from './resources.ts';
import { SnapshotWriter, readSnapshot } from './snapshot.ts';
import type { ResourceSource, SourceProblem } from './source.ts';
import { statusOf } from './verdict.ts';

export interface KubernetesOptions {
  readonly kube: Pick<Kube, 'list' | 'watch'>;
  /** `namespace/name` of the `MTACluster`. */
  readonly cluster: ClusterKey;
  /** Namespaces to read; absent: all. That of the cluster must be among them. */
  readonly namespaces?: readonly string[];
  /** File for what was declared last. */
  readonly snapshot: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What comes together is taken together: with thousands of resources a look takes some tens of milliseconds. */
export const GATHERING: Duration = milliseconds(300);
/** The API server is given so long before what was declared last is used. */
const PATIENCE: Duration = seconds(5);
/** An outage that is over sooner is nobody's problem. */
export const OUTAGE: Duration = seconds(10);

/**
 * Resolves with a whole world: the newest, or the snapshot's when the API server gives none in time. Without a snapshot it
 * waits until there is one. Rejects when the snapshot file cannot be looked at.
 */
export async function openKubernetes(options: KubernetesOptions): Promise<ResourceSource> {
  const snapshot = await readSnapshot(options.snapshot);
  const source = new KubernetesSource(options);
  await source.ready(snapshot);
  return source;
}

class KubernetesSource implements ResourceSource {
  readonly #options: KubernetesOptions;
  readonly #reflectors: readonly Reflector[];
  readonly #byKind: ReadonlyMap<Kind, readonly Reflector[]>;
  readonly #judge = new Judge();
  readonly #writer: SnapshotWriter;
  readonly #listeners = new Set<() => void>();
  /** What `current` was gathered from. */
  #members: readonly Judged[] = [];
  #current: Resources | undefined;
  #problems: readonly SourceProblem[] = [];
  #timer: Timer | undefined;
  #due: Duration = Infinity;
  /** Since when the API server cannot be asked. */
  #troubled: Duration | undefined;
  #opened: () => void = () => undefined;
  #closed = false;

  constructor(options: KubernetesOptions) {
    this.#options = options;
    const { kube, clock, random, log, namespaces } = options;
    this.#writer = new SnapshotWriter(options.snapshot, clock, (thrown) =>
      log.error('what is declared cannot be kept for a restart', { reason: reasonOf(thrown) }),
    );
    const scopes = namespaces ? namespaces.map((namespace) => ({ namespace })) : [{}];
    const lookSoon = (): void => this.#lookIn(GATHERING);
    const reflect = (type: KubeType): Reflector[] =>
      scopes.map((scope) => new Reflector({ kube, type, scope, clock, random, heard: lookSoon, turned: lookSoon }));
    this.#byKind = new Map((Object.keys(KINDS) as Kind[]).map((kind) => [kind, reflect(typeOfKind(kind))]));
    this.#reflectors = [...this.#byKind.values()].flat();
  }

  /** Resolves when there is a world. */
  async ready(snapshot: { readonly at: Instant; readonly objects: readonly KubeObject[] } | undefined): Promise<void> {
    const { clock, log } = this.#options;
    if (this.#current) return;
    let patience: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#opened = resolve;
      if (snapshot) patience = clock.after(PATIENCE, resolve);
    });
    patience?.cancel();
    if (this.#current || !snapshot) return;
    this.#take(snapshot.objects);
    if (this.#current)
      log.warn('the API server gives no answer: what was declared last is used', {
        at: new Date(snapshot.at).toISOString(),
      });
    else await this.ready(undefined);
  }

  current(): Resources {
    return this.#current ?? gather([]);
  }

  problems(): readonly SourceProblem[] {
    return this.#problems;
  }

  statusOf(kind: Kind, key: string): object | undefined {
    const found = this.#byKind
      .get(kind)
      ?.find(({ objects }) => objects.has(key))
      ?.objects.get(key);
    return found && statusOf(found);
  }

  onChange(listener: () => void): () => void {
    const heard = (): void => listener();
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await Promise.all(this.#reflectors.map((it) => it.close()));
    await this.#writer.close();
  }

  /** Plans a look. A sooner one that is planned stands, so that endless changes cannot put it off. */
  #lookIn(delay: Duration): void {
    const due = this.#options.clock.monotonic() + delay;
    if (this.#closed || this.#due <= due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#options.clock.after(delay, () => {
      this.#due = Infinity;
      this.#look();
    });
  }

  #look(): void {
    // Half of the kinds would be a world with references into nothing.
    const isWhole = this.#reflectors.every((it) => it.isSynced);
    const outage = this.#outage();
    if (isWhole) this.#take(this.#objects(), outage);
    else this.#tell(this.#members, [...this.#problems.filter((it) => it.file !== SERVER), ...outage]);
    if (this.#current) this.#opened();
  }

  *#objects(): Iterable<KubeObject> {
    for (const { objects } of this.#reflectors) yield* objects.values();
  }

  #take(objects: Iterable<KubeObject>, outage: readonly SourceProblem[] = []): void {
    const { judged, problems } = this.#judge.judge(objects);
    const world = admitted(judged, this.#options.cluster);
    const isGone = world === undefined ? [gone(this.#options.cluster)] : [];
    this.#tell(world ?? this.#members, [...problems, ...isGone, ...outage]);
  }

  #tell(members: readonly Judged[], problems: readonly SourceProblem[]): void {
    const isChanged = !isSameWorld(members, this.#members) || (this.#current === undefined && members.length > 0);
    const isNews = isChanged || !isSameProblems(problems, this.#problems);
    this.#problems = problems;
    if (isChanged) {
      this.#members = members;
      this.#current = gather(members.map(({ resource }) => resource));
      this.#writer.write(members.map(({ object }) => object));
    }
    if (isNews) for (const listener of this.#listeners) listener();
  }

  /** A problem once it has lasted. */
  #outage(): SourceProblem[] {
    const { clock, log } = this.#options;
    const trouble = this.#reflectors.find((it) => it.trouble)?.trouble;
    if (!trouble) {
      if (this.#troubled !== undefined) log.info('the API server answers again', {});
      this.#troubled = undefined;
      return [];
    }
    if (this.#troubled === undefined) log.warn('the API server cannot be asked', { reason: trouble.message });
    this.#troubled ??= clock.monotonic();
    const left = this.#troubled + OUTAGE - clock.monotonic();
    if (left > 0) this.#lookIn(left);
    return left > 0 ? [] : [{ file: SERVER, path: '', problem: `cannot be asked: ${trouble.message}` }];
  }
}

const SERVER = 'the API server';

const gone = (cluster: ClusterKey): SourceProblem => ({
  file: `MTACluster ${cluster}`,
  path: '',
  problem: 'must be there: apply it',
});

/** Resources that declare the same are the same objects. */
const isSameWorld = (one: readonly Judged[], other: readonly Judged[]): boolean =>
  one.length === other.length && one.every(({ resource }, at) => resource === other[at]?.resource);

const isSameProblems = (one: readonly SourceProblem[], other: readonly SourceProblem[]): boolean =>
  JSON.stringify(one) === JSON.stringify(other);
