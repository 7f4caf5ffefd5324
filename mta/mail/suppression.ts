/**
 * A suppression: mail of a tenant that is never to reach an address, or any address of a domain. No I/O.
 *
 * Here is decided which ways of writing an address mean the same one, so that none of them gets past. Compared are
 * canonical addresses (`lib/address`), whose quotes and domain (A-labels, lower case) have one form already. The local
 * part counts without its case: RFC 5321 §2.4 lets a host tell `A@b` from `a@b`, hardly one does, and mail that was
 * refused comes back with any case. Dots and `+tag` make another mailbox, because most hosts say so; not at Gmail, which
 * delivers all of them to one (support.google.com/mail/answer/7436150 and 22370). A domain means itself, not those
 * below it.
 */
import { parseAddress } from '#lib/address/address.ts';
import { parseDomain } from '#lib/address/domain.ts';
import type { Instant } from '#lib/run/clock.ts';
import { domainOf } from './message.ts';
import { type Reply, reply } from './reply.ts';

/** Why: in the words of bounce and complaint reports, and `manual` for a person's own reasons. */
export const REASONS = ['invalid-address', 'mailbox-unavailable', 'complaint', 'unsubscribe', 'manual'] as const;

export interface Suppression {
  /** `someone@example.com` or `example.com`, in canonical form. */
  readonly subject: string;
  readonly reason: (typeof REASONS)[number];
  /** What said so: `api`, `import`. */
  readonly source: string;
  readonly createdAt: Instant;
  /** From then on it does not count; absent: it always does. */
  readonly expiresAt?: Instant;
}

export type SubjectReading =
  | { readonly kind: 'subject'; readonly subject: string }
  | { readonly kind: 'problem'; readonly problem: string };

/** An address or a domain, in any form that mail may name it by. */
export function readSubject(text: string): SubjectReading {
  if (!text.includes('@')) {
    const reading = parseDomain(text, { utf8: true });
    return reading.kind === 'problem' ? reading : { kind: 'subject', subject: reading.domain };
  }
  const reading = parseAddress(text, { utf8: true });
  return reading.kind === 'problem' ? reading : { kind: 'subject', subject: reading.address.text };
}

/** What subjects that mean the same have in common. */
export function subjectKey(subject: string): string {
  const at = subject.lastIndexOf('@');
  if (at === -1) return subject;
  const domain = subject.slice(at + 1);
  const local = folded(subject.slice(0, at));
  return GMAIL.has(domain) ? `${gmailLocal(local)}@gmail.com` : `${local}@${domain}`;
}

/** Keys of everything that would suppress an address in canonical form. */
export const keysOf = (address: string): readonly [address: string, domain: string] => [
  subjectKey(address),
  domainOf(address),
];

/** What who hands in such mail is told, and what an attempt at it ends with. */
export function suppressedReply({ subject, reason, createdAt }: Suppression): Reply {
  const since = new Date(createdAt).toISOString().slice(0, 10);
  return reply(550, '5.7.1', `<${subject}> is suppressed (${reason}, since ${since})`);
}

/** Upper case first: it joins what lower case alone keeps apart (final sigma, sharp s). */
const folded = (local: string): string =>
  /^[ -~]*$/.test(local) ? local.toLowerCase() : local.toUpperCase().toLowerCase().normalize('NFKC');

const GMAIL: ReadonlySet<string> = new Set(['gmail.com', 'googlemail.com']);

function gmailLocal(local: string): string {
  if (local.startsWith('"')) return local;
  return local.replace(/\+.*$/s, '').replaceAll('.', '') || local;
}
