/**
 * Keys of a cluster's return paths: one a month, kept where they are compiled, since nothing else has them. Pure.
 *
 * Only if a domain has a return path of its own. A key is there for a day before it signs: what one pod signs every pod can verify.
 */
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import {
  agingOf,
  dayOf,
  formatReturnPathKey,
  parseReturnPathKeyFile,
  returnPathKeyFile,
} from '#lib/keyring/return-path-key.ts';
import type { Instant } from '#lib/run/clock.ts';

export interface ReturnPathView {
  readonly domains: readonly SendingDomain[];
  /** Files that the Secret has. */
  readonly files: ReadonlyMap<string, string>;
  readonly now: Instant;
  /** For a key that is made. */
  readonly bytes: () => Buffer;
}

/** The files that it is to have. */
export function returnPathFiles({ domains, files, now, bytes }: ReturnPathView): ReadonlyMap<string, string> {
  if (!domains.some(({ spec }) => spec.returnPathHost !== undefined)) return files;
  const days = [...files.keys()].flatMap((name) => parseReturnPathKeyFile(name) ?? []).toSorted((a, b) => a - b);
  // The first one signs at once: there is nothing else to sign with.
  const day = days.length === 0 ? dayOf(now) : dayOf(now) + 1;
  const { over, isNewDue } = agingOf(days, day);
  const kept = [...files].filter(([name]) => !over.includes(parseReturnPathKeyFile(name) ?? Infinity));
  return new Map(isNewDue ? [...kept, [returnPathKeyFile(day), formatReturnPathKey(bytes())]] : kept);
}
