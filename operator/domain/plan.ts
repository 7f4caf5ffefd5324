/**
 * A `SendingDomain`: which keys are to be made, moved on and removed, and what is said of it. Pure.
 *
 * What DNS says comes from a look at it; what workers have, from the keyring and their reports.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import type { KeyKind } from '#lib/dkim/key.ts';
import { recordName, recordText } from '#lib/dkim/record.ts';
import { type KeySighting, rotate, type RotatingKey, type RotationStep } from '#lib/dkim/rotation.ts';
import { familyOf } from '#lib/dkim/selector.ts';
import type { RecordReport } from '#lib/domain/records.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type KeptKey, publicRecord } from './key-secret.ts';

export interface DomainView {
  readonly domain: SendingDomain;
  /** The resource as the server has it. */
  readonly observed: KubeObject;
  readonly keys: readonly KeptKey[];
  /** What DNS says; undefined before anybody has asked. */
  readonly look: DomainStatus | undefined;
  /** Whether the resolver of the workers sees a key too, by selector. */
  readonly isSeenByWorkers: (selector: string) => boolean;
  /** Selectors that every worker signs with; that the keyring has or some worker may sign with. */
  readonly loaded: ReadonlySet<string>;
  readonly used: ReadonlySet<string>;
  readonly rotateAt?: Instant;
  /** The longest that mail may wait. */
  readonly longestLife: Duration;
  readonly now: Instant;
}

const DAY: Duration = hours(24);
/** Receivers downstream may check a signature until it expires: `lib/dkim/sign.ts` says seven days. */
const SIGNATURE_HOLDS: Duration = 7 * DAY;
/** What old readings, and records kept by resolvers, may cost of it. */
const MARGIN: Duration = 3 * DAY;

export function rotationOf(view: DomainView): RotationStep {
  const { dkim } = view.domain.spec;
  const step = rotate({
    now: view.now,
    keys: view.keys,
    algorithms: dkim.algorithms,
    rotateAfter: dkim.rotateAfterDays * DAY,
    ...(view.rotateAt !== undefined && { rotateAt: view.rotateAt }),
    retireAfter: Math.max(SIGNATURE_HOLDS, view.longestLife) + MARGIN,
    offered: offeredIn(view.observed, view),
    sightings: sightingsOf(view.keys, view.look, view.isSeenByWorkers),
    loaded: view.loaded,
    used: view.used,
  });
  // Nothing takes the place of a key that somebody has, also while it cannot be read.
  const named = new Set(dkim.existingKeys.map(({ algorithm }) => familyOf(algorithm)));
  return { ...step, make: step.make.filter((it) => !named.has(familyOf(it))) };
}

interface Recorded {
  readonly records?: readonly RecordReport[];
}

const recordedIn = ({ status }: KubeObject): readonly RecordReport[] => ((status ?? {}) as Recorded).records ?? [];

/** Keys whose record is in the status. */
function offeredIn(observed: KubeObject, { domain, keys }: DomainView): ReadonlySet<string> {
  const names = new Set(recordedIn(observed).map(({ name }) => name));
  return new Set(keys.map(({ selector }) => selector).filter((it) => names.has(recordName(it, domain.spec.domain))));
}

/** What the domain's own servers say of each key; `isSeenByWorkers` may doubt it. */
export function sightingsOf(
  keys: readonly KeptKey[],
  look: DomainStatus | undefined,
  isSeenByWorkers: (selector: string) => boolean = () => true,
): Map<string, KeySighting> {
  const records = new Map(look?.records.map((it) => [it.name, it.state]));
  return new Map(
    keys.map(({ selector, domain }) => {
      const state = records.get(recordName(selector, domain));
      if (state === 'Present') return [selector, isSeenByWorkers(selector) ? 'seen' : 'unknown'];
      return [selector, state === 'Missing' || state === 'Differs' ? 'absent' : 'unknown'];
    }),
  );
}

/** The revision that the next key of an algorithm gets. */
export const nextRevision = (algorithm: KeyKind, keys: readonly RotatingKey[]): number =>
  1 + Math.max(0, ...keys.filter((it) => familyOf(it.algorithm) === familyOf(algorithm)).map((it) => it.revision));

/** Whether DNS is asked for its record: only after it was handed out, lest resolvers remember that it is not there. */
export const isLookedFor = ({ phase }: RotatingKey): boolean =>
  phase === 'Published' || phase === 'Verified' || phase === 'Active' || phase === 'Retiring';

/** Every record that the domain needs: as it was seen, last by this process or by one before it, or as it is to be published. */
export function recordsOf({ domain, observed, keys, look }: DomainView): RecordReport[] {
  const known = look?.records ?? recordedIn(observed);
  const seen = new Map(known.map((it) => [it.name, it]));
  const dkim = keys.map((key): RecordReport => {
    const name = recordName(key.selector, domain.spec.domain);
    const base = { purpose: 'DKIM', type: 'TXT', name, found: [], state: 'Unknown' } as const;
    if (key.phase === 'Retired') {
      const keyType = key.algorithm === 'Ed25519' ? 'ed25519' : 'rsa';
      return { ...base, expected: [recordText(keyType, Buffer.alloc(0))], difference: REVOKED };
    }
    const found = isLookedFor(key) ? seen.get(name) : undefined;
    return (
      found ?? {
        ...base,
        expected: [publicRecord(key)],
        difference: 'DNS has not been asked yet: publish it',
      }
    );
  });
  return [...dkim, ...known.filter((it) => it.purpose !== 'DKIM')];
}

const REVOKED = 'the key signs no more: publish this in its place, or take the record away';
