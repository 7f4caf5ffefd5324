/**
 * The objects of one type as they are now, kept so by a list and a watch, through every way in which those fail.
 *
 * Promises:
 *
 * - `objects` is empty until the first list, then always whole as of some moment, and never goes back in time.
 * - `heard` is called for each difference between two such moments, after `objects` shows the later one. What came and went
 *   between is not told. An object that was deleted and made anew under its name is told as gone, then as new.
 * - While the server cannot be asked, `objects` stays and `trouble` says why. It is asked again with growing pauses, half a
 *   second to ten seconds, and at once after it has answered. A watch goes on where it was; the list is read anew only
 *   when the server has forgotten that place.
 *
 * Listeners must not throw, and had better only take a note. Nothing is told after `close`.
 */
import { type Clock, type Duration, type Timer, milliseconds, seconds } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Random } from '#lib/run/random.ts';
import { type Kube, type KubeEvent, type KubeObject, type KubeScope, type KubeType, kubeKey } from './kube.ts';

export type KubeChange =
  | { readonly kind: 'new'; readonly key: string; readonly object: KubeObject }
  | { readonly kind: 'changed'; readonly key: string; readonly object: KubeObject; readonly before: KubeObject }
  /** The object as it was last known. */
  | { readonly kind: 'gone'; readonly key: string; readonly object: KubeObject };

export interface ReflectorOptions {
  readonly kube: Pick<Kube, 'list' | 'watch'>;
  readonly type: KubeType;
  readonly scope?: KubeScope;
  readonly clock: Clock;
  readonly random: Random;
  readonly heard: (change: KubeChange) => void;
  /** `trouble` or `isSynced` is another than before. */
  readonly turned?: () => void;
}

const FIRST_PAUSE: Duration = milliseconds(500);
const LONGEST_PAUSE: Duration = seconds(10);
/** A watch that ends sooner and has told nothing, or that the list does not lead to, is a failure too. */
const SHORT: Duration = seconds(1);

/** How long to wait after so many failures in a row: doubled each time, a half of it by chance. */
export function pauseAfter(failures: number, random: Random): Duration {
  const whole = Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
  return whole * (0.5 + random.fraction() / 2);
}

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #control = new AbortController();
  readonly #running: Promise<void>;
  /** Where the watch goes on; undefined when the list must be read. */
  #since: string | undefined;
  #isSynced = false;
  #trouble: Fault | undefined;
  #failures = 0;
  #waiting: { timer: Timer; resume: () => void } | undefined;

  /** Begins at once; `objects` is there after the first list. */
  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** By `kubeKey`. */
  get objects(): ReadonlyMap<string, KubeObject> {
    return this.#objects;
  }

  /** Whether `objects` was whole once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Why the server cannot be asked at the moment. */
  get trouble(): Fault | undefined {
    return this.#trouble;
  }

  /** Harmless twice. Resolves when nothing is asked any more. */
  async close(): Promise<void> {
    this.#control.abort(new Error('closed'));
    this.#waiting?.timer.cancel();
    this.#waiting?.resume();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        if (this.#since === undefined) await this.#list();
        else await this.#watch(this.#since);
      } catch (thrown) {
        await this.#failed(thrown);
      }
    }
  }

  get #isClosed(): boolean {
    return this.#control.signal.aborted;
  }

  async #list(): Promise<void> {
    const { kube, type, scope = {} } = this.#options;
    const { objects, resourceVersion } = await kube.list(type, scope, this.#control.signal);
    const listed = new Map(objects.map((it) => [kubeKey(it.metadata), it]));
    const changes = [...this.#objects.keys()].filter((key) => !listed.has(key)).flatMap((key) => this.#drop(key));
    for (const [key, object] of listed) changes.push(...this.#set(key, object));
    this.#since = resourceVersion;
    const isFirst = !this.#isSynced;
    this.#isSynced = true;
    this.#tell(changes);
    this.#succeeded(isFirst);
  }

  async #watch(since: string): Promise<void> {
    const { kube, type, scope = {}, clock } = this.#options;
    const began = clock.monotonic();
    let isUseful = false;
    for await (const event of kube.watch(type, scope, since, this.#control.signal)) {
      if (this.#isClosed) return;
      if (event.kind === 'set' || event.kind === 'gone') isUseful = true;
      this.#take(event);
    }
    if (!isUseful && clock.monotonic() - began < SHORT)
      throw new Fault('kube-busy', `The API server ends watches of ${type.plural} at once. It is tried again.`);
  }

  #take(event: KubeEvent): void {
    if (event.kind === 'expired') {
      this.#since = undefined;
      return;
    }
    this.#since = event.kind === 'mark' ? event.resourceVersion : event.object.metadata.resourceVersion;
    if (event.kind === 'set') this.#tell(this.#set(kubeKey(event.object.metadata), event.object));
    if (event.kind === 'gone') this.#tell(this.#drop(kubeKey(event.object.metadata)));
    this.#succeeded(false);
  }

  #tell(changes: readonly KubeChange[]): void {
    for (const change of changes) if (!this.#isClosed) this.#options.heard(change);
  }

  #set(key: string, object: KubeObject): KubeChange[] {
    const before = this.#objects.get(key);
    if (before && before.metadata.uid !== object.metadata.uid) return [...this.#drop(key), ...this.#set(key, object)];
    if (before && before.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    this.#objects.set(key, object);
    return [before ? { kind: 'changed', key, object, before } : { kind: 'new', key, object }];
  }

  #drop(key: string): KubeChange[] {
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    return object ? [{ kind: 'gone', key, object }] : [];
  }

  #succeeded(isTurned: boolean): void {
    const hadTrouble = this.#trouble !== undefined;
    this.#failures = 0;
    this.#trouble = undefined;
    if (hadTrouble || isTurned) this.#options.turned?.();
  }

  async #failed(thrown: unknown): Promise<void> {
    if (this.#isClosed) return;
    this.#failures += 1;
    const before = this.#trouble?.code;
    this.#trouble = thrown instanceof Fault ? thrown : new Fault('kube-busy', reasonOf(thrown), { cause: thrown });
    if (this.#trouble.code !== before) this.#options.turned?.();
    await new Promise<void>((resolve) => {
      const pause = pauseAfter(this.#failures, this.#options.random);
      this.#waiting = { timer: this.#options.clock.after(pause, resolve), resume: resolve };
    });
    this.#waiting = undefined;
  }
}
