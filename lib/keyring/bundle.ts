/**
 * A bundle: many files of the keyring in one, as a Secret holds them and a pod mounts them. Pure.
 *
 * What is in it is as if each file lay in the bundle's folder, under its name there. Its revision says which text it is.
 */
import { hash } from 'node:crypto';

export interface Bundle {
  /** By name, which may begin with a folder's: `mail/pf1._domainkey.example.com.pem`. */
  readonly files: ReadonlyMap<string, string>;
  readonly revision: string;
}

/** The same files in any order make the same text. */
export function formatBundle(files: ReadonlyMap<string, string>): string {
  const sorted = [...files].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `${JSON.stringify({ v: 1, files: Object.fromEntries(sorted) })}\n`;
}

/** A name without dots at its front, and one folder at most. */
const NAME = /^([a-z0-9][-a-z0-9]*\/)?[a-z0-9][-._a-z0-9]*$/;

/** The bundle, or undefined when the text is none. Never throws. */
export function parseBundle(text: string): Bundle | undefined {
  const files = filesOf(text);
  if (!files || !Object.entries(files).every(([name, it]) => NAME.test(name) && typeof it === 'string'))
    return undefined;
  return { files: new Map(Object.entries(files) as [string, string][]), revision: hash('sha256', text).slice(0, 16) };
}

function filesOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('v' in value) || value.v !== 1 || !('files' in value))
      return undefined;
    return typeof value.files === 'object' && value.files !== null ? value.files : undefined;
  } catch {
    return undefined;
  }
}
