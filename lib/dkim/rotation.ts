/**
 * The life of a domain's DKIM keys: what each key's next phase is, which keys sign, which are to be made and removed. Pure.
 *
 *   Pending    its Secret is there; nobody has been told of its record
 *   Published  its record has been handed out, to people or to external-dns
 *   Verified   its record was seen by everybody who must see it: it may sign
 *   Active     every worker has it
 *   Retiring   no worker has it any more, and its record stays for what it signed
 *   Retired    its record says that it is revoked (`p=`); after a while both are gone
 *
 * Promises: a key signs only from `Verified` on; a record is given up only when no signature can need it any more; a
 * family that signs goes on signing while its next key is on its way; phases only go forward, and each step follows from
 * phases that were read and never from one that is only planned. So two who plan at once from old readings are harmless,
 * if each phase is written only over the one that was read, workers refuse keys that retire (`lib/keyring/signers.ts`), and somebody
 * reads and plans every day: that a worker signs with a key of which it has not heard that it retires is seen only by looking.
 *
 * Left to others: making and keeping keys, looking at DNS, asking workers, writing the phases (the operator).
 */
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { KeyKind } from './key.ts';
import { type Family, familyOf } from './selector.ts';

export type Phase = 'Pending' | 'Published' | 'Verified' | 'Active' | 'Retiring' | 'Retired';

export interface RotatingKey {
  readonly selector: string;
  readonly algorithm: KeyKind;
  /** Counts the keys of a family from 1; 0 for a key that somebody brought. */
  readonly revision: number;
  /**
   * Brought by `existingKeys`, and named there now: it signs, and nothing follows it. One that is named no more is followed at once,
   * signs until that is done, and then goes without a word about its record, which is its owner's.
   */
  readonly isBrought: boolean;
  readonly madeAt: Instant;
  readonly phase: Phase;
  /** When it came into its phase. */
  readonly since: Instant;
}

/** `seen` by the domain's own servers and by the resolver of the workers; `absent` only if its own servers say so. */
export type KeySighting = 'seen' | 'absent' | 'unknown';

export interface RotationView {
  readonly now: Instant;
  /** Brought keys are those that are named now. */
  readonly keys: readonly RotatingKey[];
  readonly algorithms: readonly KeyKind[];
  /** How long a key signs before another is made; 0 is for ever. */
  readonly rotateAfter: Duration;
  /** Keys made before this moment are followed by others, once it has come. */
  readonly rotateAt?: Instant;
  /** How long the record of a key that signs no more is kept. */
  readonly retireAfter: Duration;
  /** Selectors whose records have been handed out. */
  readonly offered: ReadonlySet<string>;
  /** By selector; what is not there is unknown. */
  readonly sightings: ReadonlyMap<string, KeySighting>;
  /** Selectors that every worker signs with now. */
  readonly loaded: ReadonlySet<string>;
  /** Selectors that the keyring has, or some worker may sign with still. */
  readonly used: ReadonlySet<string>;
}

export interface RotationStep {
  /** All keys that remain, in their next phase. */
  readonly keys: readonly RotatingKey[];
  /** A key is to be made for each. */
  readonly make: readonly KeyKind[];
  /** Selectors whose key and record go. */
  readonly remove: readonly string[];
  /** Selectors of the keys that sign, for the keyring. */
  readonly signers: readonly string[];
  /** When time alone changes something. */
  readonly next?: Instant;
}

/** How long a revoked record says so. */
export const REVOKED_FOR: Duration = hours(30 * 24);

export function rotate(view: RotationView): RotationStep {
  const signers = signersOf(view);
  const remove = view.keys.filter((it) => isOver(it, view)).map(({ selector }) => selector);
  const kept = view.keys.filter(({ selector }) => !remove.includes(selector));
  const keys = kept.map((key) => advance(key, signers, view));
  const next = nextTime(view);
  return {
    keys,
    make: wanted(view),
    remove,
    signers: [...signers].toSorted(),
    ...(next !== undefined && { next }),
  };
}

/** Nobody is told that a key is revoked whom nobody was told of before. */
function isOver(key: RotatingKey, view: RotationView): boolean {
  if (isGivenBack(key)) return key.phase === 'Pending' || key.phase === 'Published' || key.phase === 'Retired';
  return key.phase === 'Pending'
    ? isSuperseded(key, view) && !view.offered.has(key.selector)
    : key.phase === 'Retired' && view.now >= key.since + REVOKED_FOR;
}

/** Somebody brought it and names it no more. */
const isGivenBack = ({ revision, isBrought }: RotatingKey): boolean => revision === 0 && !isBrought;

/** Algorithms whose family has no key that somebody brought, and whose newest key is missing, of another kind, or too old. */
function wanted(view: RotationView): KeyKind[] {
  return view.algorithms.filter((algorithm) => {
    const family = familyOf(algorithm);
    if (isBroughtIn(family, view)) return false;
    const newest = newestOf(family, view);
    return !newest || newest.algorithm !== algorithm || isEnding(newest) || isTooOld(newest, view);
  });
}

const isEnding = ({ phase }: RotatingKey): boolean => phase === 'Retiring' || phase === 'Retired';

function isTooOld(key: RotatingKey, { now, rotateAt, rotateAfter }: RotationView): boolean {
  const { phase, since, madeAt } = key;
  if (isGivenBack(key)) return true;
  if (rotateAt !== undefined && rotateAt <= now && madeAt < rotateAt) return true;
  return rotateAfter > 0 && phase === 'Active' && now >= since + rotateAfter;
}

const isBroughtIn = (family: Family, { keys }: RotationView): boolean =>
  keys.some((it) => it.isBrought && familyOf(it.algorithm) === family);

const madeIn = (family: Family, { keys }: RotationView): RotatingKey[] =>
  keys.filter((it) => !it.isBrought && familyOf(it.algorithm) === family);

const newestOf = (family: Family, view: RotationView): RotatingKey | undefined =>
  madeIn(family, view).toSorted((a, b) => b.revision - a.revision)[0];

/** Every brought key, and of each family the newest that may sign. */
function signersOf(view: RotationView): ReadonlySet<string> {
  const able = view.keys.filter((it) => maySign(it, view));
  const signers = new Set(able.filter(({ isBrought }) => isBrought).map(({ selector }) => selector));
  for (const family of ['r', 'e'] as const) {
    const [newest] = able
      .filter((it) => !it.isBrought && familyOf(it.algorithm) === family)
      .toSorted((a, b) => b.revision - a.revision);
    const isReplaced = able.some((it) => it.isBrought && familyOf(it.algorithm) === family);
    if (newest && !isReplaced) signers.add(newest.selector);
  }
  return signers;
}

/** An active key goes on signing whatever DNS says today; one that is not yet active has to be there. */
const maySign = (key: RotatingKey, view: RotationView): boolean =>
  (key.phase === 'Active' || (key.phase === 'Verified' && view.sightings.get(key.selector) !== 'absent')) &&
  !isFollowed(key, view);

function advance(key: RotatingKey, signers: ReadonlySet<string>, view: RotationView): RotatingKey {
  const phase = nextPhase(key, signers, view);
  return phase === key.phase && !isStillUsed(key, view) ? key : { ...key, phase, since: view.now };
}

/** Who decided that it retires had read too little: its time begins again. */
const isStillUsed = ({ phase, selector, since }: RotatingKey, { used, now }: RotationView): boolean =>
  phase === 'Retiring' && used.has(selector) && now >= since + hours(24);

function nextPhase(key: RotatingKey, signers: ReadonlySet<string>, view: RotationView): Phase {
  const { selector, phase, since } = key;
  switch (phase) {
    case 'Pending':
      if (isSuperseded(key, view)) return 'Retired';
      return view.offered.has(selector) ? 'Published' : phase;
    case 'Published':
      if (isSuperseded(key, view)) return 'Retired';
      return view.sightings.get(selector) === 'seen' ? 'Verified' : phase;
    case 'Verified':
      if (isFollowed(key, view) && !view.used.has(selector)) return 'Retiring';
      return signers.has(selector) && view.loaded.has(selector) ? 'Active' : phase;
    case 'Active':
      return isFollowed(key, view) && !view.used.has(selector) ? 'Retiring' : phase;
    case 'Retiring':
      return view.now >= since + view.retireAfter && !view.used.has(selector) ? 'Retired' : phase;
    case 'Retired':
      break;
  }
  return phase;
}

/** A key that has signed nothing goes as soon as another is there in its place. */
function isSuperseded(key: RotatingKey, view: RotationView): boolean {
  if (key.isBrought) return false;
  const family = familyOf(key.algorithm);
  if (!isWanted(family, view) || isBroughtIn(family, view)) return true;
  return madeIn(family, view).some(({ revision }) => revision > key.revision);
}

/** A key that has signed signs no more when what signs in its place is active, and goes when no worker has it. */
function isFollowed(key: RotatingKey, view: RotationView): boolean {
  if (key.isBrought) return false;
  const family = familyOf(key.algorithm);
  const others = view.keys.filter((it) => it !== key && it.phase === 'Active');
  if (isBroughtIn(family, view)) return others.some((it) => it.isBrought && familyOf(it.algorithm) === family);
  if (!isWanted(family, view)) return others.some((it) => it.isBrought || isWanted(familyOf(it.algorithm), view));
  return others.some((it) => familyOf(it.algorithm) === family && it.revision > key.revision);
}

const isWanted = (family: Family, { algorithms }: RotationView): boolean =>
  algorithms.some((it) => familyOf(it) === family);

function nextTime(view: RotationView): Instant | undefined {
  const times = view.keys.flatMap(({ phase, since, isBrought }) => {
    if (phase === 'Retiring') return [since + view.retireAfter];
    if (phase === 'Retired') return [since + REVOKED_FOR];
    return phase === 'Active' && view.rotateAfter > 0 && !isBrought ? [since + view.rotateAfter] : [];
  });
  const ahead = [...times, ...(view.rotateAt === undefined ? [] : [view.rotateAt])].filter((it) => it > view.now);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
