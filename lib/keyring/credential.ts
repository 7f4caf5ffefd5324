/**
 * A credential's record as the JSON text it is stored as. Pure.
 *
 * Parsed as strictly as what strangers send: a record that is not exactly right proves nobody. Costs are bounded, so
 * that no record can make a check take forever.
 */
import type { CredentialRecord, ScryptProof, SecretProof } from './keyring.ts';

export const formatCredential = (record: CredentialRecord): string => `${JSON.stringify(record, null, 2)}\n`;

/** The record, or undefined when the text is not one. Never throws. */
export function parseCredential(text: string): CredentialRecord | undefined {
  const record = jsonObject(text);
  const username = record?.['username'];
  const secret = proofOf(record?.['secret']);
  if (record?.['v'] !== 1 || typeof username !== 'string' || username === '' || !secret) return undefined;
  return { v: 1, username, secret };
}

type Fields = Readonly<Record<string, unknown>>;

function jsonObject(text: string): Fields | undefined {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null ? (value as Fields) : undefined;

const HASH_BYTES = 32;

function proofOf(value: unknown): SecretProof | undefined {
  const proof = fieldsOf(value);
  const hash = bytesOf(proof?.['hash'], HASH_BYTES);
  if (!proof || hash === undefined) return undefined;
  if (proof['kind'] === 'sha256') return { kind: 'sha256', hash };
  return proof['kind'] === 'scrypt' ? scryptOf(proof, hash) : undefined;
}

/** 2^17 · 8 takes 128 MiB: enough for years to come, and no more. */
const MOST = { cost: 2 ** 17, blockSize: 8, parallel: 16 };

function scryptOf(proof: Fields, hash: string): ScryptProof | undefined {
  const cost = upTo(proof['cost'], MOST.cost);
  const blockSize = upTo(proof['blockSize'], MOST.blockSize);
  const parallel = upTo(proof['parallel'], MOST.parallel);
  const salt = bytesOf(proof['salt'], 16);
  // scrypt wants a power of two above 1 (RFC 7914 §2).
  const isPower = cost > 1 && Number.isInteger(Math.log2(cost));
  if (!isPower || blockSize === 0 || parallel === 0 || salt === undefined) return undefined;
  return { kind: 'scrypt', cost, blockSize, parallel, salt, hash };
}

const upTo = (value: unknown, most: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most ? value : 0;

function bytesOf(value: unknown, length: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64');
  return bytes.length === length && bytes.toString('base64') === value ? value : undefined;
}
