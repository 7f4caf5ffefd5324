/**
 * The one reader of domain names in addresses: text to one canonical form, or a sentence saying what is wrong.
 *
 * Promises: what is accepted is lower-case A-labels that every host-name parser reads alike: letters, digits and
 * hyphens, at least two labels, no trailing dot, nothing that could be taken for an IP address. Runs in linear time
 * and never throws. Left to others: whether the domain exists, and whether mail may go there.
 */
import { SocketAddress, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';

export type DomainReading =
  | { readonly kind: 'domain'; readonly domain: string }
  | { readonly kind: 'problem'; readonly problem: string };

export interface DomainOptions {
  /** Accept U-labels (SMTPUTF8, HTTP) and turn them into A-labels. */
  readonly utf8?: boolean;
  /** Accept an address literal: `[192.0.2.1]`, `[IPv6:2001:db8::1]`. */
  readonly literal?: boolean;
}

/** RFC 5321 says 255 octets; the DNS's own 255 count two that do not show in text. */
const LONGEST_DOMAIN = 253;
const LONGEST_LABEL = 63;

/** Reads a domain, or an address literal where the options allow one. */
export function parseDomain(text: string, options: DomainOptions = {}): DomainReading {
  if (text.startsWith('[')) return parseLiteral(text, options);
  if (text === '') return problem('The domain is missing.');
  if (text.length > LONGEST_DOMAIN) return problem(`The domain is longer than ${LONGEST_DOMAIN} octets.`);
  if (text.endsWith('.')) return problem('The domain ends with a dot.');
  const wrong = labelsProblem(text.split('.'));
  if (wrong !== undefined) return problem(wrong);
  return isPlain(text) ? namedDomain(text.toLowerCase()) : internationalDomain(text, options);
}

const problem = (sentence: string): DomainReading => ({ kind: 'problem', problem: sentence });

/** What shows before any conversion. U-labels are held to the same rule for their ASCII characters. */
function labelsProblem(labels: readonly string[]): string | undefined {
  if (labels.includes('')) return 'The domain has an empty label.';
  if (labels.some((label) => !isLdh(label)))
    return 'The domain holds a character other than letters, digits, hyphens and dots.';
  if (labels.some((label) => label.startsWith('-') || label.endsWith('-')))
    return 'A label of the domain begins or ends with a hyphen.';
  return undefined;
}

const isLdh = (label: string): boolean => /^[A-Za-z0-9\-\u0080-\u{10ffff}]+$/u.test(label);
const isAscii = (text: string): boolean => /^[A-Za-z0-9.-]+$/.test(text);
/** No A-label: nothing to check beyond the characters. */
const isPlain = (text: string): boolean => isAscii(text) && !/(?:^|\.)xn--/i.test(text);

/** The rules for canonical names; RFC 5321 §2.3.5 and RFC 7085 for single labels, RFC 3696 §2 for all-digit ends. */
function namedDomain(domain: string): DomainReading {
  const labels = domain.split('.');
  if (domain.length > LONGEST_DOMAIN) return problem(`The domain is longer than ${LONGEST_DOMAIN} octets.`);
  if (labels.some((label) => label.length > LONGEST_LABEL))
    return problem(`A label of the domain is longer than ${LONGEST_LABEL} octets.`);
  if (labels.length < 2) return problem('The domain is a single label, not a full domain name.');
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) return problem('The domain looks like an IP address.');
  return { kind: 'domain', domain };
}

/**
 * U-labels and A-labels. Accepted only if each label is already in the form that conversion gives back: what UTS 46
 * would map silently (full-width letters, other dots, soft hyphens) or cannot decode has two readings.
 */
function internationalDomain(text: string, options: DomainOptions): DomainReading {
  if (options.utf8 !== true && !isAscii(text)) return problem('The domain is not ASCII; write it as A-labels (xn--).');
  const ascii = domainToASCII(text);
  const unicode = domainToUnicode(ascii);
  if (
    text.normalize('NFKC') !== text ||
    !isFaithful(text.toLowerCase().split('.'), ascii.split('.'), unicode.split('.'))
  )
    return problem('The domain is not a valid internationalized domain name in its normal form.');
  return namedDomain(ascii);
}

function isFaithful(given: readonly string[], ascii: readonly string[], unicode: readonly string[]): boolean {
  if (given.length !== ascii.length || labelsProblem(unicode) !== undefined) return false;
  return given.every(
    (label, at) => (label === ascii[at] || label === unicode[at]) && unicode[at]?.startsWith('xn--') === false,
  );
}

function parseLiteral(text: string, options: DomainOptions): DomainReading {
  if (options.literal !== true) return problem('An address literal is not accepted; use a domain name.');
  const inside = text.slice(1, -1);
  if (text.endsWith(']') && isIPv4(inside)) return { kind: 'domain', domain: text };
  const six = /^\[IPv6:([\da-f:.]+)\]$/i.exec(text)?.[1] ?? '';
  if (!isIPv6(six)) return problem('The address literal is not an IPv4 or IPv6 address.');
  return { kind: 'domain', domain: `[IPv6:${new SocketAddress({ address: six, family: 'ipv6' }).address}]` };
}
