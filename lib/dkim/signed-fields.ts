/**
 * Which fields a signature covers, and how it lists them (`h=`, RFC 6376 §3.5, §5.4).
 *
 * Promises: the fields a reader acts on are oversigned (§8.15), so that adding a second From, Subject or To breaks the
 * signature; trace fields are never signed, as relays add to them. Mail of one kind has the same fields in the same order,
 * so that what follows from the names alone is found once: some lists are kept, of few names each.
 */
import type { FieldSpan } from './canonical.ts';

export interface SignedFields {
  /** Places among the fields of the message, in the order in which they are signed. */
  readonly places: readonly number[];
  /** The tag `h=` with its semicolon, in lines that begin with a space and fit into the columns. */
  readonly tag: readonly string[];
}

/** Listed once more than they occur. */
const OVERSIGNED = [
  'from',
  'to',
  'cc',
  'subject',
  'date',
  'reply-to',
  'message-id',
  'mime-version',
  'content-type',
  'list-unsubscribe',
  'list-unsubscribe-post',
];

/** Listed as often as they occur. */
const SIGNED = [
  'sender',
  'in-reply-to',
  'references',
  'content-transfer-encoding',
  'content-disposition',
  'content-language',
  'content-id',
  'auto-submitted',
  'feedback-id',
  'cfbl-address',
  'cfbl-feedback-id',
  'list-id',
  'list-help',
  'list-subscribe',
  'list-post',
  'list-owner',
  'list-archive',
  'tls-required',
  'bimi-selector',
];

const COLUMNS = 76;

/** Lists of names that are kept, and how long the names of one may be together. */
const MOST_KEPT = 64;
const LONGEST_KEPT = 1024;
const kept = new Map<string, SignedFields>();

/** What a signature of a message with these fields covers. */
export function signedFieldsOf(fields: readonly FieldSpan[]): SignedFields {
  let names = '';
  for (const { name } of fields) names += `${name}:`;
  const known = kept.get(names);
  if (known) return known;
  const found = findSigned(fields);
  if (kept.size >= MOST_KEPT) kept.clear();
  if (names.length <= LONGEST_KEPT) kept.set(names, found);
  return found;
}

/** Verifiers take fields of one name from the bottom up. */
function findSigned(fields: readonly FieldSpan[]): SignedFields {
  const places: number[] = [];
  const names: string[] = [];
  const list = (wanted: string): void => {
    for (let at = fields.length - 1; at >= 0; at -= 1) {
      if (fields[at]?.name !== wanted) continue;
      places.push(at);
      names.push(wanted);
    }
  };
  for (const name of OVERSIGNED) {
    list(name);
    names.push(name);
  }
  for (const name of SIGNED) list(name);
  return { places, tag: folded(names) };
}

/** A name is never broken. */
function folded(names: readonly string[]): string[] {
  const lines: string[] = [];
  let line = ' h=';
  for (const [at, name] of names.entries()) {
    const part = `${name}${at < names.length - 1 ? ':' : ';'}`;
    if (line.length + part.length > COLUMNS) {
      lines.push(line);
      line = ' ';
    }
    line += part;
  }
  return [...lines, line];
}
