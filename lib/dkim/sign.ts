/**
 * Signs a message with DKIM (RFC 6376, RFC 8463): relaxed/relaxed, one signature per key, all over one body hash.
 *
 * Promises: the whole body is covered (no `l=`), and of the fields what `signed-fields.ts` says. Keys work in libuv's
 * threads, in parallel. Rejects only if a key cannot sign.
 *
 * Left to others: which keys are active, who may sign for the From domain, and that `raw` is in its final form: 7-bit
 * conversion comes before.
 */
import { hash, sign } from 'node:crypto';
import { type Duration, type Instant, hours } from '#lib/run/clock.ts';
import { type FieldSpan, relaxedBodyHash, relaxedFields } from './canonical.ts';
import type { SigningKey } from './key.ts';
import { signedFieldsOf } from './signed-fields.ts';

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

/** The DKIM-Signature fields, one per key in the order given, to be put in front of `raw`; empty without keys. */
export async function signMessage(
  raw: Buffer,
  message: MessageLayout,
  keys: readonly SigningKey[],
  options: SigningOptions,
): Promise<Buffer> {
  if (keys.length === 0) return Buffer.alloc(0);
  const signed = signedFieldsOf(message.fields);
  const fields = relaxedFields(raw, picked(message.fields, signed.places));
  const content = { tag: signed.tag, fields, bodyHash: relaxedBodyHash(raw, message.bodyStart) };
  return Buffer.concat(await Promise.all(keys.map((key) => signatureField(content, key, options))));
}

function picked(fields: readonly FieldSpan[], places: readonly number[]): FieldSpan[] {
  const found: FieldSpan[] = [];
  for (const place of places) {
    const field = fields[place];
    if (field) found.push(field);
  }
  return found;
}

/** What all signatures of a message share. */
interface SignedContent {
  /** `h=`, by lines. */
  readonly tag: readonly string[];
  readonly fields: Buffer;
  readonly bodyHash: string;
}

const NAME = 'DKIM-Signature';

async function signatureField(content: SignedContent, key: SigningKey, options: SigningOptions): Promise<Buffer> {
  const lines = linesOf(content, key, options);
  // As a verifier relaxes it: a fold is CRLF and one space, so leaving the CRLF out is all it takes.
  const relaxed = `${NAME.toLowerCase()}:${lines.join('').slice(1)}`;
  const signature = await signBytes(Buffer.concat([content.fields, Buffer.from(relaxed)]), key);
  return Buffer.from(`${NAME}:${lines.join('\r\n')}${foldedBase64(signature)}\r\n`);
}

/** The value without its signature; each line begins with its only space. */
function linesOf({ tag, bodyHash }: SignedContent, key: SigningKey, options: SigningOptions): string[] {
  const signedAt = Math.floor(options.now / 1000);
  const expiresAt = signedAt + Math.floor((options.expiresAfter ?? EXPIRES_AFTER) / 1000);
  return [
    ` v=1; a=${key.algorithm}; c=relaxed/relaxed;`,
    ` d=${key.domain};`,
    ` s=${key.selector};`,
    ` t=${signedAt}; x=${expiresAt};`,
    ...tag,
    ` bh=${bodyHash};`,
    ' b=',
  ];
}

/** Characters of base64 in a line. */
const LINE = 75;

function foldedBase64(bytes: Buffer): string {
  const text = bytes.toString('base64');
  let folded = '';
  for (let at = 0; at < text.length; at += LINE) folded += `\r\n ${text.slice(at, at + LINE)}`;
  return folded;
}

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
