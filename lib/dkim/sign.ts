/**
 * Signs a message with DKIM (RFC 6376, RFC 8463): relaxed/relaxed, one signature per key, all over one body hash.
 *
 * Promises: the fields a reader acts on are oversigned (§8.15), so that adding a second From, Subject or To breaks
 * the signature; the whole body is covered (no `l=`); trace fields are never signed, as relays add to them. Keys work
 * in libuv's threads, in parallel; nothing is kept between calls. Rejects only if a key cannot sign.
 *
 * Left to others: which keys are active, who may sign for the From domain, and that `raw` is in its final form: 7-bit
 * conversion comes before.
 */
import { hash, sign } from 'node:crypto';
import { type Duration, type Instant, hours } from '#lib/run/clock.ts';
import { type FieldSpan, relaxedBodyHash, relaxedFields } from './canonical.ts';
import type { SigningKey } from './key.ts';

/** Where the fields and the body of a message are. */
export interface MessageLayout {
  readonly fields: readonly FieldSpan[];
  readonly bodyStart: number;
}

export interface SigningOptions {
  /** Becomes `t=`. */
  readonly now: Instant;
  /** `x=` is this long after `t=`; 7 days unless said otherwise. */
  readonly expiresAfter?: Duration;
}

/**
 * Long enough for any relay downstream that keeps mail for the usual five days (a retry of ours is signed anew), and
 * an end to the replay of a captured message.
 */
const EXPIRES_AFTER = hours(7 * 24);

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

/** The DKIM-Signature fields, one per key in the order given, to be put in front of `raw`; empty without keys. */
export async function signMessage(
  raw: Buffer,
  message: MessageLayout,
  keys: readonly SigningKey[],
  options: SigningOptions,
): Promise<Buffer> {
  if (keys.length === 0) return Buffer.alloc(0);
  const listed = listFields(message.fields);
  const fields = relaxedFields(raw, listed.fields);
  const content = { names: listed.names, fields, bodyHash: relaxedBodyHash(raw, message.bodyStart) };
  return Buffer.concat(await Promise.all(keys.map(async (key) => signatureField(content, key, options))));
}

/** What all signatures of a message share. */
interface SignedContent {
  readonly names: readonly string[];
  readonly fields: Buffer;
  readonly bodyHash: string;
}

/** Names as `h=` lists them and the fields they stand for. Verifiers take fields of one name from the bottom up. */
function listFields(fields: readonly FieldSpan[]): { names: string[]; fields: FieldSpan[] } {
  const named = byName(fields);
  const names: string[] = [];
  const listed: FieldSpan[] = [];
  const list = (name: string): void => {
    for (const field of named.get(name)?.toReversed() ?? []) {
      listed.push(field);
      names.push(name);
    }
  };
  for (const name of OVERSIGNED) {
    list(name);
    names.push(name);
  }
  for (const name of SIGNED) list(name);
  return { names, fields: listed };
}

function byName(fields: readonly FieldSpan[]): Map<string, FieldSpan[]> {
  const named = new Map<string, FieldSpan[]>();
  for (const field of fields) {
    const found = named.get(field.name);
    if (found) found.push(field);
    else named.set(field.name, [field]);
  }
  return named;
}

async function signatureField(content: SignedContent, key: SigningKey, options: SigningOptions): Promise<Buffer> {
  const unsigned = fold([...tags(content, key, options), ' b=']);
  const input = Buffer.concat([content.fields, Buffer.from(relaxedSignature(unsigned))]);
  const signature = await signBytes(input, key);
  return Buffer.from(`${unsigned}${foldedBase64(signature)}\r\n`);
}

const NAME = 'DKIM-Signature:';

function tags(content: SignedContent, key: SigningKey, options: SigningOptions): string[] {
  const signedAt = Math.floor(options.now / 1000);
  const expiresAt = signedAt + Math.floor((options.expiresAfter ?? EXPIRES_AFTER) / 1000);
  const last = content.names.length - 1;
  const names = content.names.map((name, at) => `${name}${at < last ? ':' : ';'}`);
  const head = [
    NAME,
    ' v=1;',
    ` a=${key.algorithm};`,
    ' c=relaxed/relaxed;',
    ` d=${key.domain};`,
    ` s=${key.selector};`,
  ];
  return [...head, ` t=${signedAt};`, ` x=${expiresAt};`, ' h=', ...names, ` bh=${content.bodyHash};`];
}

const COLUMNS = 76;

/** Joins the parts, with a line break before each that would pass the last column. A part is never broken. */
function fold(parts: readonly string[]): string {
  let text = '';
  let column = 0;
  for (const part of parts) {
    const isBroken = column > 0 && column + part.length > COLUMNS;
    const written = isBroken ? `\r\n ${part.trimStart()}` : part;
    column = isBroken ? written.length - 2 : column + written.length;
    text += written;
  }
  return text;
}

/** The unsigned field as a verifier relaxes it: a fold is CRLF and one space, so dropping the CRLF is all it takes. */
const relaxedSignature = (field: string): string =>
  `${NAME.toLowerCase()}${field.slice(NAME.length).replaceAll('\r\n', '').trimStart()}`;

const foldedBase64 = (bytes: Buffer): string =>
  bytes.toString('base64').replaceAll(/.{1,75}/g, (line) => `\r\n ${line}`);

/** RFC 8463 §3: Ed25519 signs the SHA-256 of the input, not the input. */
async function signBytes(input: Buffer, key: SigningKey): Promise<Buffer> {
  const isRsa = key.algorithm === 'rsa-sha256';
  const data = isRsa ? input : hash('sha256', input, 'buffer');
  return new Promise((resolve, reject) => {
    sign(isRsa ? 'sha256' : null, data, key.privateKey, (error, signature) => {
      if (error) reject(error);
      else resolve(signature);
    });
  });
}
