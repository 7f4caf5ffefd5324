/**
 * A cluster of one type in memory that a test changes, and whose lists and watches it breaks: for tests of what reflects it.
 */
import { Fault } from '#lib/run/fault.ts';
import {
  type Kube,
  type KubeEvent,
  type KubeListing,
  type KubeObject,
  type KubeScope,
  type KubeType,
  kubeKey,
} from './kube.ts';

interface Watcher {
  readonly queue: (KubeEvent | Fault | 'end')[];
  wake: () => void;
}

const unreachable = (): Fault => new Fault('kube-unreachable', 'The API server gives no answer: it is down.');

export class FakeCluster implements Pick<Kube, 'list' | 'watch'> {
  readonly objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<Watcher>();
  /** What happened, by revision; what is before `#oldest` is forgotten. */
  readonly #log: { readonly revision: number; readonly event: KubeEvent }[] = [];
  #revision = 1;
  #oldest = 0;
  isDown = false;
  lists = 0;
  watches = 0;

  set(object: KubeObject): void {
    this.#revision += 1;
    const key = kubeKey(object.metadata);
    const uid = this.objects.get(key)?.metadata.uid ?? `uid-${this.#revision}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(this.#revision) } };
    this.objects.set(key, stored);
    this.#tell({ kind: 'set', object: stored });
  }

  remove(key: string): void {
    const object = this.objects.get(key);
    if (!object) return;
    this.#revision += 1;
    this.objects.delete(key);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
    this.#tell({ kind: 'gone', object: last });
  }

  /** Bookmarks for everybody. */
  mark(): void {
    this.#send({ kind: 'mark', resourceVersion: String(this.#revision) });
  }

  /** Cuts every watch: in order, or in the middle of a line. */
  cut(how: 'in order' | 'torn'): void {
    this.#send(how === 'torn' ? unreachable() : 'end');
  }

  /** Forgets what happened until now. */
  compact(): void {
    this.#oldest = this.#revision;
  }

  async list(_type: KubeType, _scope?: KubeScope, _signal?: AbortSignal): Promise<KubeListing> {
    this.lists += 1;
    if (this.isDown) throw unreachable();
    return { objects: [...this.objects.values()], resourceVersion: String(this.#revision) };
  }

  async *watch(_type: KubeType, _scope: KubeScope, since: string, signal: AbortSignal): AsyncIterable<KubeEvent> {
    this.watches += 1;
    if (this.isDown) throw unreachable();
    if (Number(since) < this.#oldest) yield { kind: 'expired' };
    else yield* this.#follow(since, signal);
  }

  async *#follow(since: string, signal: AbortSignal): AsyncIterable<KubeEvent> {
    const missed = this.#log.filter(({ revision }) => revision > Number(since)).map(({ event }) => event);
    const watcher: Watcher = { queue: [{ kind: 'mark', resourceVersion: since }, ...missed], wake: () => undefined };
    const end = (): void => this.#sendTo(watcher, 'end');
    signal.addEventListener('abort', end);
    this.#watchers.add(watcher);
    try {
      for (let next = watcher.queue.shift(); next !== 'end'; next = watcher.queue.shift()) {
        if (next instanceof Fault) throw next;
        if (next) yield next;
        else await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', end);
    }
  }

  #tell(event: KubeEvent): void {
    this.#log.push({ revision: this.#revision, event });
    this.#send(event);
  }

  #send(what: KubeEvent | Fault | 'end'): void {
    for (const watcher of this.#watchers) this.#sendTo(watcher, what);
  }

  #sendTo(watcher: Watcher, what: KubeEvent | Fault | 'end'): void {
    watcher.queue.push(what);
    watcher.wake();
  }
}
