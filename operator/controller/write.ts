/**
 * Objects that the operator owns, kept as they should be: written when they differ, left alone when they do not.
 *
 * What is written bears a mark, a digest of all that was said, so that a field that is said no more is seen as well; and what
 * others have changed of it is seen by comparing. A server may keep a value in another form than it was given (`1000m` as `1`):
 * what came of our own last write counts as what was meant. Fields that others add are theirs.
 */
import { createHash } from 'node:crypto';
import {
  type Kube,
  type KubeObject,
  type KubePlace,
  type KubeType,
  type KubeWritten,
  kubeKey,
} from '#lib/kube/kube.ts';

/** An object and its type. */
export interface Wanted {
  readonly type: KubeType;
  readonly object: KubeObject;
}

export type Kept = KubeWritten | { readonly kind: 'same' };

const MARK = 'postfleet.io/applied';
export const MANAGER = 'postfleet-operator';

export class Keeper {
  readonly #kube: Pick<Kube, 'apply'>;
  /** What the server made of what was last written, by place: its version. */
  readonly #written = new Map<string, string>();

  constructor(kube: Pick<Kube, 'apply'>) {
    this.#kube = kube;
  }

  /** Makes `observed` (undefined: there is none) as wanted. `isFenced`: only if it is as it was read; else a conflict. */
  async keep({ type, object }: Wanted, observed: KubeObject | undefined, isFenced = false): Promise<Kept> {
    const marked = withMark(object);
    const place = `${type.plural}.${type.group} ${kubeKey(object.metadata)}`;
    if (observed && (isAsWanted(marked, observed) || this.#isOurs(place, marked, observed))) return { kind: 'same' };
    const applied = isFenced && observed ? overRead(marked, observed) : marked;
    const result = await this.#kube.apply(type, applied, MANAGER, { isOutline: true });
    if (result.kind === 'written') this.#written.set(place, stateOf(result.object));
    return result;
  }

  /** What the server made of the same when we wrote it last. */
  #isOurs(place: string, marked: KubeObject, observed: KubeObject): boolean {
    return markOf(marked) === markOf(observed) && this.#written.get(place) === stateOf(observed);
  }

  /** It is there no more. */
  forget({ type, namespace, name }: KubePlace): void {
    const metadata = namespace === undefined ? { name } : { namespace, name };
    this.#written.delete(`${type.plural}.${type.group} ${kubeKey(metadata)}`);
  }
}

/** The server refuses it when somebody has written in between. */
function overRead(object: KubeObject, { metadata: { uid, resourceVersion } }: KubeObject): KubeObject {
  const read = { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) };
  return { ...object, metadata: { ...object.metadata, ...read } };
}

const stateOf = ({ metadata }: KubeObject): string => `${metadata.uid} ${metadata.resourceVersion}`;

const markOf = ({ metadata }: KubeObject): string | undefined => metadata.annotations?.[MARK];

function withMark(object: KubeObject): KubeObject {
  const digest = createHash('sha256').update(JSON.stringify(object)).digest('base64url').slice(0, 22);
  const annotations = { ...object.metadata.annotations, [MARK]: digest };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Whether everything that is said is so. */
export const isAsWanted = (wanted: unknown, observed: unknown): boolean => {
  if (Array.isArray(wanted))
    return (
      Array.isArray(observed) &&
      wanted.length === observed.length &&
      wanted.every((it, at) => isAsWanted(it, observed[at]))
    );
  if (typeof wanted !== 'object' || wanted === null) return wanted === observed;
  if (typeof observed !== 'object' || observed === null) return isEmpty(wanted);
  return Object.entries(wanted).every(([field, value]) =>
    isAsWanted(value, (observed as Record<string, unknown>)[field]),
  );
};

/** A server leaves out what says nothing. */
const isEmpty = (value: object): boolean => Object.keys(value).length === 0;
