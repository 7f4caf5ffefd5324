/**
 * The one strict parser of mail addresses (RFC 5321 Mailbox). Whatever decides routing, authority, suppression or
 * limits reads addresses here and nowhere else.
 *
 * Promises: an accepted address has one canonical text, and re-reading that text gives the same value; it holds no
 * control character, so it can stand in a command or a header; linear time, never throws. Refused although some
 * parser somewhere takes them: source routes, comments, obsolete forms, a trailing dot, encoded-words, and quoted
 * local parts that hold '@', '%' or '!': quoted they are plain text, but relays that strip the quotes read a route,
 * so they mean one mailbox here and another one there. For the same reason not with a space at either end, which some
 * drop with the quotes. Unquoted '%' and '!' are plain characters to everybody but
 * the domain's own host, and are never read as a route by us.
 *
 * Left to others: the case of local parts (kept as written), header fields (`mailbox-list.ts`), the null reverse-path.
 */
import { type DomainOptions, parseDomain } from './domain.ts';

/** `local` as it is written, quoted only where it must be; `domain` in lower-case A-labels; `text` is `local@domain`. */
export interface Address {
  readonly local: string;
  readonly domain: string;
  readonly text: string;
}

/** A sentence about the text; it never repeats the text. */
export interface AddressProblem {
  readonly kind: 'problem';
  readonly problem: string;
}

export type AddressReading = { readonly kind: 'address'; readonly address: Address } | AddressProblem;

/** `utf8`: accept non-ASCII local parts and U-labels (RFC 6531). `literal`: accept `[192.0.2.1]` as the domain. */
export type AddressOptions = DomainOptions;

/** RFC 5321 §4.5.3.1: 64 octets before the '@', and 256 for the path with its angle brackets (erratum 1690). */
const LONGEST_LOCAL = 64;
const LONGEST_ADDRESS = 254;
/** The longest text worth reading: every character of the local part escaped. */
const LONGEST_TEXT = LONGEST_ADDRESS + LONGEST_LOCAL + 2;

/** Reads one address, without angle brackets or anything around it. */
export function parseAddress(text: string, options: AddressOptions = {}): AddressReading {
  if (text.length > LONGEST_TEXT) return problem(`The address is longer than ${LONGEST_ADDRESS} octets.`);
  const split = text.startsWith('"') ? splitQuoted(text) : splitPlain(text);
  if (split.kind === 'problem') return split;
  const wrong = localProblem(split, options);
  if (wrong !== undefined) return problem(wrong);
  const domain = parseDomain(split.domain, options);
  return domain.kind === 'problem' ? domain : join(written(split.content), domain.domain);
}

/** Whether a local part, or a whole `RCPT TO:<Postmaster>`, is the one name every host knows (RFC 5321 §4.5.1). */
export const isPostmaster = (local: string): boolean => local.toLowerCase() === 'postmaster';

const problem = (sentence: string): AddressProblem => ({ kind: 'problem', problem: sentence });

interface Split {
  readonly kind: 'split';
  readonly quoted: boolean;
  /** The local part without quotes and escapes. */
  readonly content: string;
  readonly domain: string;
}

function splitPlain(text: string): Split | AddressProblem {
  const at = text.indexOf('@');
  if (at === -1) return problem("The address has no '@'.");
  if (at === 0) return problem("The address has nothing before the '@'; source routes are not accepted.");
  if (text.includes('@', at + 1)) return problem("The address has more than one '@'.");
  return { kind: 'split', quoted: false, content: text.slice(0, at), domain: text.slice(at + 1) };
}

function splitQuoted(text: string): Split | AddressProblem {
  let content = '';
  for (let at = 1; at < text.length; at += 1) {
    if (text[at] === '"') return splitAfterQuote(content, text.slice(at + 1));
    if (text[at] === '\\') at += 1;
    content += text.charAt(at);
  }
  return problem('The quoted local part is not closed.');
}

function splitAfterQuote(content: string, rest: string): Split | AddressProblem {
  if (!rest.startsWith('@')) return problem("The quoted local part is not followed by '@'.");
  return { kind: 'split', quoted: true, content, domain: rest.slice(1) };
}

/** Controls, format and bidi characters, surrogates, unassigned code points, and every separator but the space. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]|[^\P{Zs} ]/u;

/** RFC 2047 §2. It is no address, but readers that decode it find one (`=?utf-8?q?joe=40evil.example=3e?=`). */
const ENCODED_WORD = /=\?[^?]+\?[bq]\?/i;

function localProblem({ content, quoted }: Split, options: AddressOptions): string | undefined {
  if (content === '') return 'The local part is empty.';
  if (INVISIBLE.test(content)) return 'The local part holds a control or invisible character.';
  if (options.utf8 !== true && /[^ -~]/.test(content)) return 'The local part is not ASCII.';
  if (content.normalize('NFKC') !== content) return 'The local part is not in Unicode normal form (NFKC).';
  if (ENCODED_WORD.test(content)) return 'The local part holds an encoded-word.';
  if (quoted && /[@%!]/.test(content))
    return "The quoted local part holds '@', '%' or '!', which relays read as a route.";
  if (/^ | $/.test(content)) return 'The local part begins or ends with a space, which some readers drop.';
  if (!quoted && !isDotAtom(content)) return 'The local part holds a character or a dot where none is allowed.';
  if (Buffer.byteLength(written(content)) > LONGEST_LOCAL)
    return `The local part is longer than ${LONGEST_LOCAL} octets.`;
  return undefined;
}

const ATOM = /^[\w!#$%&'*+\-/=?^`{|}~\u0080-\u{10ffff}]+$/u;
const isDotAtom = (content: string): boolean => content.split('.').every((atom) => ATOM.test(atom));

/** Quotes only what must be, and escapes only what must be: one text per meaning (RFC 5321 §4.1.2). */
const written = (content: string): string =>
  isDotAtom(content) ? content : `"${content.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

function join(local: string, domain: string): AddressReading {
  const text = `${local}@${domain}`;
  if (Buffer.byteLength(text) > LONGEST_ADDRESS)
    return problem(`The address is longer than ${LONGEST_ADDRESS} octets.`);
  return { kind: 'address', address: { local, domain, text } };
}
