/**
 * A message as it travels: what was accepted, from whom, for whom, and its bytes. No I/O.
 *
 * `raw` is the stamped message in canonical form: CRLF line ends only, ends with CRLF, no transparency dots.
 * Its bytes never change after acceptance; signatures are put in front of them when they are sent.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { TraceContext } from '#lib/trace/context.ts';
import type { DsnRequest } from './dsn-request.ts';

/** 26 characters of Crockford base32, sortable by time of acceptance: 48 bits of milliseconds, 80 bits of chance. */
export type MessageId = string;

/** What a sender calls a message, for their own books: small, and never sent. */
export interface Labels {
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** BODY= of RFC 6152: whether any byte above 127 may be in `raw`. */
export type BodyType = '7BIT' | '8BITMIME';

export interface Message {
  readonly id: MessageId;
  readonly acceptedAt: Instant;
  /** Nothing is tried before this; absent: at once. */
  readonly notBefore?: Instant;
  /** After this nothing is tried any more. */
  readonly expiresAt: Instant;
  /** Namespace the sender belongs to. */
  readonly tenant: string;
  /** Username of the `SendingCredential`; `''` for mail of the system itself (a DSN). */
  readonly credential: string;
  /** The `SendingDomain` whose keys sign; `''` when nothing signs (a DSN without a domain of its own). */
  readonly domain: string;
  /** The pool to leave from, `namespace/name`; `''` for the machine's default address. */
  readonly pool: string;
  /** How it came in. Only `smtp` is owed a DSN. */
  readonly via: 'smtp' | 'http' | 'system';
  /** Envelope sender; `''` is the null reverse-path. */
  readonly sender: string;
  readonly body: BodyType;
  /** Envelope recipients in canonical form; a recipient is known by its index here. */
  readonly recipients: readonly string[];
  /** The header holds UTF-8: only for peers that offer SMTPUTF8. Addresses speak for themselves. */
  readonly utf8?: true;
  /** What the sender asked about reports; absent: nothing. */
  readonly dsn?: DsnRequest;
  readonly raw: Buffer;
  readonly labels?: Labels;
  /** It may wait for the tenant's other mail; absent: transactional. */
  readonly priority?: 'bulk';
  /** The span that what becomes of it belongs under; absent: nobody traces it. */
  readonly trace?: TraceContext;
}

/** Crockford's base32 in lower case: no letter is mistaken for another. */
export const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** A new id for a message accepted at `now`. */
export function newMessageId(now: Instant, random: Random): MessageId {
  let id = firstIdAt(now);
  for (const byte of random.bytes(16)) id += ALPHABET.charAt(byte & 31);
  return id;
}

/** What ids of messages accepted at `now` begin with; every earlier id sorts before it. */
export function firstIdAt(now: Instant): string {
  let id = '';
  for (let time = now, at = 0; at < 10; at += 1, time = Math.floor(time / 32)) id = ALPHABET.charAt(time % 32) + id;
  return id;
}

/** From when a message may be sent: what its life and its waiting are counted from. */
export const dueOf = ({ notBefore, acceptedAt }: Pick<Message, 'notBefore' | 'acceptedAt'>): Instant =>
  notBefore ?? acceptedAt;

/** The domain of an address in canonical form. */
export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

/** When the message of an id was accepted. */
export function acceptedAtOf(id: MessageId): Instant {
  let time = 0;
  for (const letter of id.slice(0, 10)) time = time * 32 + ALPHABET.indexOf(letter);
  return time;
}
