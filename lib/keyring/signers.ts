/**
 * Which keys sign, of all that lie in the keyring. Pure.
 *
 * A key of which it was said once that it retires (`….retired` beside it, or in an earlier reading) signs no more, whoever puts it
 * back: an operator that reads days too late may compile an older keyring over a newer one, when the key's record may be
 * given up soon. A claim that would be left without any key by that keeps those that signed before.
 */
import type { SigningKey } from '#lib/dkim/key.ts';

/** A key, or word that the one of this name signs no more. */
export type KeyFile = SigningKey | 'retired';

export interface Signers {
  /** By domain, of all who claim it. */
  readonly byDomain: ReadonlyMap<string, readonly SigningKey[]>;
  /** By `namespace domain`; what lies in no folder of a namespace is of the namespace `''`, and signs for nobody. */
  readonly byClaim: ReadonlyMap<string, readonly SigningKey[]>;
  /** Names of keys that sign no more, without their ending. */
  readonly retired: ReadonlySet<string>;
}

export const NO_SIGNERS: Signers = { byDomain: new Map(), byClaim: new Map(), retired: new Set() };

/** `files` by name, such as `mail/pf1._domainkey.example.com.pem`. */
export function signersAfter(before: Signers, files: ReadonlyMap<string, KeyFile>): Signers {
  const named = [...files].map(([name, file]) => ({ name: stemOf(name), claim: claimOf(name, file), file }));
  const retired = new Set(before.retired);
  for (const { name, file } of named) if (file === 'retired') retired.add(name);
  const byClaim = new Map<string, readonly SigningKey[]>();
  for (const [claim, all] of Map.groupBy(named, (it) => it.claim)) {
    const offered = all.flatMap(({ name, file }) => (file === 'retired' ? [] : [{ name, file }]));
    const able = offered.filter(({ name }) => !retired.has(name)).map(({ file }) => file);
    const keys = able.length === 0 && offered.length > 0 ? (before.byClaim.get(claim) ?? []) : able;
    if (keys.length > 0) byClaim.set(claim, keys);
  }
  const all = [...byClaim.values()].flat();
  return { byDomain: Map.groupBy(all, ({ domain }) => domain), byClaim, retired };
}

const stemOf = (name: string): string => name.replace(/\.(pem|retired)$/, '');

function claimOf(name: string, file: KeyFile): string {
  const at = name.indexOf('/');
  const domain = file === 'retired' ? stemOf(name).replace(/^.*\._domainkey\./, '') : file.domain;
  return `${name.slice(0, Math.max(0, at))} ${domain}`;
}
