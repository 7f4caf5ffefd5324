/**
 * What is in the API server now, as far as the operator reads it: our kinds, and what bears its label.
 *
 * Each type is reflected, in all namespaces or in those that are watched. `changed` is called for each object that is new, changed or
 * gone. Nothing is to be decided before `isSynced`.
 */
import { type Kube, type KubeObject, type KubeScope, type KubeType, kubeKey } from '#lib/kube/kube.ts';
import { type KubeChange, Reflector } from '#lib/kube/reflector.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';

export interface Watched {
  readonly type: KubeType;
  /** Absent: all of them. */
  readonly labelSelector?: string;
  /** The server may not have the type, or not let us read it: then there is nothing of it. */
  readonly isOptional?: boolean;
  /** Read in the namespace of nodes' proxies too, when not all are. */
  readonly isOfNodes?: boolean;
  /** Only whether each is there, and whether it is another than before. */
  readonly isOutline?: boolean;
  /** What an object can be found by beside its name: `indexed` has those for which it says the same. */
  readonly index?: (object: KubeObject) => readonly string[];
}

export interface WorldOptions {
  readonly kube: Kube;
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: all of them. */
  readonly namespaces?: readonly string[];
  /** Where the egress proxies of nodes are, if there are any. */
  readonly nodesNamespace?: string | undefined;
  readonly watched: readonly Watched[];
  /** Must not throw. */
  readonly changed: (type: KubeType, change: KubeChange) => void;
  /** A type that the server may not have may have come or gone. Must not throw. */
  readonly turned: (type: KubeType) => void;
}

export class World {
  /** By kind; one reflector, or one for each namespace. */
  readonly #reflectors: ReadonlyMap<string, readonly Reflector[]>;
  readonly #optional: ReadonlySet<string>;
  /** By kind. */
  readonly #indexes = new Map<string, Index>();

  constructor({ kube, clock, random, namespaces, nodesNamespace, watched, changed, turned }: WorldOptions) {
    const reflectors = new Map<string, Reflector[]>();
    for (const { type, labelSelector, isOptional, isOutline, isOfNodes, index } of watched) {
      const kept = index && new Index(index);
      if (kept) this.#indexes.set(type.kind, kept);
      const also = isOfNodes && nodesNamespace !== undefined ? [nodesNamespace] : [];
      for (const namespace of namespaces ? new Set([...namespaces, ...also]) : [undefined]) {
        const scope: KubeScope = {
          ...(namespace !== undefined && { namespace }),
          ...(labelSelector !== undefined && { labelSelector }),
          ...(isOutline && { isOutline }),
        };
        const heard = (change: KubeChange): void => {
          kept?.take(change);
          changed(type, change);
        };
        const before = reflectors.get(type.kind) ?? [];
        const options = { kube, type, scope, clock, random, heard, ...(isOptional && { turned: () => turned(type) }) };
        reflectors.set(type.kind, [...before, new Reflector(options)]);
      }
    }
    this.#reflectors = reflectors;
    this.#optional = new Set(watched.filter(({ isOptional }) => isOptional).map(({ type }) => type.kind));
  }

  /** Whether everything was read once. */
  get isSynced(): boolean {
    const all = Array.from(this.#reflectors);
    return all.every(([kind, of]) => of.every((it) => it.isSynced || (this.#optional.has(kind) && isAbsent(it))));
  }

  /** Whether the server has a type that it may not have. */
  serves({ kind }: KubeType): boolean {
    return (this.#reflectors.get(kind) ?? []).every((it) => it.isSynced && !isAbsent(it));
  }

  /** Why something cannot be read at the moment, a sentence each. */
  get troubles(): readonly string[] {
    return this.#all.flatMap(({ trouble }) => (trouble ? [trouble.message] : []));
  }

  objects({ kind }: KubeType): KubeObject[] {
    return (this.#reflectors.get(kind) ?? []).flatMap(({ objects }) => Array.from(objects.values()));
  }

  /** Those for which the type's index says this. */
  indexed({ kind }: KubeType, value: string): KubeObject[] {
    return [...(this.#indexes.get(kind)?.at(value) ?? [])];
  }

  /** By `namespace/name`. */
  object({ kind }: KubeType, key: string): KubeObject | undefined {
    for (const { objects } of this.#reflectors.get(kind) ?? []) if (objects.has(key)) return objects.get(key);
    return undefined;
  }

  /** Those that belong to somebody, by their owner's uid. */
  owned(types: readonly KubeType[], uid: string): { readonly type: KubeType; readonly object: KubeObject }[] {
    return types.flatMap((type) =>
      this.objects(type)
        .filter((it) => ownerOf(it)?.uid === uid)
        .map((object) => ({ type, object })),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((it) => it.close()));
  }

  get #all(): readonly Reflector[] {
    return [...this.#reflectors.values()].flat();
  }
}

const isAbsent = ({ trouble }: Reflector): boolean =>
  trouble?.code === 'kube-unknown' || trouble?.code === 'kube-denied';

/** Objects by what they are found by. */
class Index {
  readonly #of: (object: KubeObject) => readonly string[];
  readonly #byValue = new Map<string, Map<string, KubeObject>>();

  constructor(of: (object: KubeObject) => readonly string[]) {
    this.#of = of;
  }

  at(value: string): Iterable<KubeObject> {
    return this.#byValue.get(value)?.values() ?? [];
  }

  take(change: KubeChange): void {
    if (change.kind !== 'new') this.#remove(change.key, change.kind === 'changed' ? change.before : change.object);
    if (change.kind === 'gone') return;
    for (const value of this.#of(change.object)) {
      const all = this.#byValue.get(value) ?? new Map<string, KubeObject>();
      this.#byValue.set(value, all.set(change.key, change.object));
    }
  }

  #remove(key: string, object: KubeObject): void {
    for (const value of this.#of(object)) {
      const all = this.#byValue.get(value);
      all?.delete(key);
      if (all?.size === 0) this.#byValue.delete(value);
    }
  }
}

interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

/** Whose child an object is. */
export const ownerOf = ({ metadata }: KubeObject): Owner | undefined =>
  ((metadata['ownerReferences'] ?? []) as readonly Owner[]).find(({ controller }) => controller);

/** `namespace/name` of the owner, if it is of this kind. */
export function ownerKey(object: KubeObject, kind: string): string | undefined {
  const owner = ownerOf(object);
  const { namespace } = object.metadata;
  return owner?.kind === kind && namespace !== undefined ? kubeKey({ namespace, name: owner.name }) : undefined;
}
