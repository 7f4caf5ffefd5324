/**
 * The DKIM key record in DNS (RFC 6376 §3.6.1, RFC 8463 §4): its name, its text, and what a text says. Pure.
 *
 * Tags that are not needed to choose a key and check a signature (n, g) are passed over, as unknown ones must be.
 */

export type KeyType = 'rsa' | 'ed25519';

interface DkimRecord {
  readonly keyType: KeyType;
  /** As in `p=`: SubjectPublicKeyInfo for RSA, the bare 32 bytes for Ed25519. Empty when the key is revoked. */
  readonly publicKey: Buffer;
  /** t=y: the domain is only testing. */
  readonly isTesting: boolean;
  /** t=s: only addresses of the domain itself, not of names below it. */
  readonly isStrict: boolean;
}

export type ParsedRecord =
  | { readonly kind: 'valid'; readonly record: DkimRecord }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Where the record is published. */
export const recordName = (selector: string, domain: string): string => `${selector}._domainkey.${domain}`;

/** The record's text: `v=DKIM1; k=rsa; p=…`. An empty key revokes. */
export const recordText = (keyType: KeyType, publicKey: Buffer): string =>
  `v=DKIM1; k=${keyType}; p=${publicKey.toString('base64')}`;

const LONGEST_TXT_STRING = 255;

/** A text as the strings of one TXT record, which readers join again without anything between (RFC 6376 §3.6.2.2). */
export function txtStrings(text: string): string[] {
  const strings: string[] = [];
  for (let at = 0; at < text.length; at += LONGEST_TXT_STRING) strings.push(text.slice(at, at + LONGEST_TXT_STRING));
  return strings;
}

/** What a record says. Never throws. */
export function parseRecord(text: string): ParsedRecord {
  const tags = tagsOf(text);
  if (!tags) return invalid('is not a list of different tags');
  const version = tags.get('v');
  if (version !== undefined && (version !== 'DKIM1' || tags.keys().next().value !== 'v'))
    return invalid('does not begin with v=DKIM1');
  const hashes = wordsOf(tags.get('h') ?? 'sha256');
  if (!hashes.includes('sha256')) return invalid('does not allow sha256');
  const services = wordsOf(tags.get('s') ?? '*');
  if (!services.includes('*') && !services.includes('email')) return invalid('is not for mail');
  return withKey(tags);
}

function withKey(tags: ReadonlyMap<string, string>): ParsedRecord {
  const keyType = tags.get('k') ?? 'rsa';
  if (keyType !== 'rsa' && keyType !== 'ed25519') return invalid('has a key type other than rsa and ed25519');
  const publicKey = base64Of(tags.get('p'));
  if (!publicKey) return invalid('has no key in base64 in p=');
  if (keyType === 'ed25519' && publicKey.length !== 0 && publicKey.length !== 32)
    return invalid('has an Ed25519 key that is not 32 bytes long');
  const flags = wordsOf(tags.get('t') ?? '');
  return {
    kind: 'valid',
    record: { keyType, publicKey, isTesting: flags.includes('y'), isStrict: flags.includes('s') },
  };
}

const invalid = (problem: string): ParsedRecord => ({ kind: 'invalid', problem });

/** `tag=value; tag=value` in order (RFC 6376 §3.2), or undefined if it is none or names a tag twice. */
function tagsOf(text: string): ReadonlyMap<string, string> | undefined {
  const tags = new Map<string, string>();
  const specs = text.split(';');
  // One semicolon may end the list.
  if (specs.at(-1)?.trim() === '') specs.pop();
  for (const spec of specs) {
    const [, name, value] = /^\s*([A-Za-z]\w*)\s*=([^]*)$/.exec(spec) ?? [];
    if (name === undefined || tags.has(name)) return undefined;
    tags.set(name, (value ?? '').trim());
  }
  return tags;
}

const wordsOf = (value: string): string[] => value.split(':').map((word) => word.trim());

function base64Of(value: string | undefined): Buffer | undefined {
  const packed = value?.replaceAll(/\s/g, '');
  if (packed === undefined || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return undefined;
  return Buffer.from(packed, 'base64');
}
