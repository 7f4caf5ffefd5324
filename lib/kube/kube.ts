/**
 * PORT: the Kubernetes API, as far as this project speaks it. Objects are plain JSON, as the server sends them.
 *
 * Promises every adapter keeps:
 *
 * - What the server decides is a value: written, exists, conflict, missing, refused. What fails on the way is a `Fault`:
 *   `kube-unreachable` (no answer, or none in time; a write may have been done), `kube-busy` (429 or 5xx: try later),
 *   `kube-denied` (401, or 403 to a reading), `kube-unknown` (the server does not know the type).
 * - A reading is of the newest state, never of an older one. `list` is whole: of one moment, over as many pages as it takes.
 * - Writes name a manager, and only what an object says is written; what it said before and says no more is taken away.
 * - No call lasts longer than half a minute but `watch`, and a watch of which nothing is heard for minutes is a fault.
 *
 * Left to others: when to try again (`reflector.ts` for lists and watches), and what to do about what was decided.
 */

/** A type of objects. `group` is empty for the core types. */
export interface KubeType {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

export interface KubeMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly [field: string]: unknown;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubeMetadata;
  readonly [field: string]: unknown;
}

/** One object; without a namespace for types that have none. */
export interface KubePlace {
  readonly type: KubeType;
  readonly namespace?: string;
  readonly name: string;
}

/** Which objects of a type: of one namespace or of all, and only those that the selectors choose. */
export interface KubeScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Name, namespace, uid and version alone: whether it is there, and whether it is another than before. */
  readonly isOutline?: boolean;
}

export interface KubeListing {
  readonly objects: readonly KubeObject[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export type KubeEvent =
  /** The object is so now, new or changed. */
  | { readonly kind: 'set'; readonly object: KubeObject }
  /** It is no more; the object as it was last. */
  | { readonly kind: 'gone'; readonly object: KubeObject }
  /** Nothing else happened up to here: a later watch may begin here. The first event, when the server has begun to tell. */
  | { readonly kind: 'mark'; readonly resourceVersion: string }
  /** The server has forgotten where the watch should go on: list anew. The last event. */
  | { readonly kind: 'expired' };

export type KubeWritten =
  | { readonly kind: 'written'; readonly object: KubeObject }
  /** `create` only: there is one of that name. */
  | { readonly kind: 'exists' }
  /** Somebody else wrote in between, or owns a field: read again. */
  | { readonly kind: 'conflict'; readonly message: string }
  /** The object, its namespace or its type is not there. */
  | { readonly kind: 'missing'; readonly message: string }
  /** Not valid, not allowed, over a quota: trying again changes nothing. */
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string; readonly message: string };

export type KubeDeleted = 'deleted' | 'missing' | 'conflict';

export interface KubeWriteOptions {
  /** The server decides and writes nothing. */
  readonly dryRun?: boolean;
  /** Only the metadata of what was made of it is told: what was written may be large. */
  readonly isOutline?: boolean;
}

export interface KubeDeleteOptions {
  /** Deletes only the very object that was seen: another of the same name, or a later state, is a conflict. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface Kube {
  /** As it is now; undefined when there is none. */
  get(place: KubePlace): Promise<KubeObject | undefined>;
  /** All of them, without `managedFields`. Rejects when `signal` ends it. */
  list(type: KubeType, scope?: KubeScope, signal?: AbortSignal): Promise<KubeListing>;
  /** What happens after `since`, in order, until the server ends it (minutes) or `signal` does; both end it quietly. */
  watch(type: KubeType, scope: KubeScope, since: string, signal: AbortSignal): AsyncIterable<KubeEvent>;
  /** Makes it. Not harmless twice: the second says `exists`. Fields that the type does not have are refused. */
  create(type: KubeType, object: KubeObject, options?: KubeWriteOptions): Promise<KubeWritten>;
  /** Server-side apply: makes or changes it, taking over fields of other managers. Harmless twice. */
  apply(type: KubeType, object: KubeObject, manager: string, options?: KubeWriteOptions): Promise<KubeWritten>;
  /** The same for its status alone; the object must be there. */
  applyStatus(type: KubeType, object: KubeObject, manager: string): Promise<KubeWritten>;
  /** Replaces the whole object if it is still at its `resourceVersion`; else `conflict`. For locks. */
  replace(type: KubeType, object: KubeObject): Promise<KubeWritten>;
  /** Deletes it, and what belongs to it later. Harmless twice. */
  delete(place: KubePlace, options?: KubeDeleteOptions): Promise<KubeDeleted>;
  /** Ends connections that are kept. What is under way fails. */
  close(): void;
}

/** `namespace/name`, or the name alone for types without namespaces. */
export const kubeKey = ({ namespace, name }: { readonly namespace?: string; readonly name: string }): string =>
  namespace === undefined ? name : `${namespace}/${name}`;
