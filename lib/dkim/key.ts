/**
 * DKIM keys: made, and read from PEM into what a signer needs.
 *
 * A private key leaves this file only as PEM for storage or as a `KeyObject`; it is never in a message of a fault.
 * Which key signs when is decided by who fills the keyring.
 */
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { Fault } from '#lib/run/fault.ts';
import { type KeyType, recordText } from './record.ts';

export type KeyKind = 'RSA2048' | 'RSA4096' | 'Ed25519';
type SigningAlgorithm = 'rsa-sha256' | 'ed25519-sha256';

/** A key that can sign, and the text its public half is published as. */
export interface SigningKey {
  readonly selector: string;
  readonly domain: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: KeyObject;
  /** Text of the TXT record at `<selector>._domainkey.<domain>`. */
  readonly record: string;
}

const generate = promisify(generateKeyPair);

/** A new private key, as PEM in PKCS #8. RSA takes a good part of a second on another thread. */
export async function generateKey(kind: KeyKind): Promise<string> {
  return pemOf((await generatePair(kind)).privateKey);
}

const generatePair = async (kind: KeyKind): Promise<{ privateKey: KeyObject }> =>
  kind === 'Ed25519' ? generate('ed25519') : generate('rsa', { modulusLength: kind === 'RSA2048' ? 2048 : 4096 });

/** The one form keys are stored in. */
export const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Receivers must accept 1024 to 4096 bits (RFC 8301 §3.2), and no longer trust less. */
const SHORTEST_RSA = 1024;

/** Reads a private key in any PEM form. Throws the fault `dkim-key-invalid`. */
export function loadKey(pem: string | Buffer, selector: string, domain: string): SigningKey {
  const privateKey = readPem(pem, selector, domain);
  const keyType = keyTypeOf(privateKey);
  if (!keyType) throw unusable(selector, domain, `must be Ed25519 or RSA of at least ${SHORTEST_RSA} bits`);
  const algorithm = `${keyType}-sha256` as const;
  return { selector, domain, algorithm, privateKey, record: recordText(keyType, publicBytes(privateKey, keyType)) };
}

function readPem(pem: string | Buffer, selector: string, domain: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause is left out: OpenSSL's errors may quote what they could not read.
    throw unusable(selector, domain, 'must be a private key in PEM without a passphrase');
  }
}

const unusable = (selector: string, domain: string, must: string): Fault =>
  new Fault('dkim-key-invalid', `The DKIM key ${selector} of ${domain} ${must}.`);

function keyTypeOf(key: KeyObject): KeyType | undefined {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return key.asymmetricKeyType === 'rsa' && bits >= SHORTEST_RSA ? 'rsa' : undefined;
}

/** RFC 8463 §4.2 publishes the bare Ed25519 key: the last 32 bytes of its SubjectPublicKeyInfo. */
function publicBytes(privateKey: KeyObject, keyType: KeyType): Buffer {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return keyType === 'rsa' ? spki : spki.subarray(-32);
}

/** The kind a key is of, or undefined for a size that is not made here. */
export function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): KeyKind | undefined {
  if (asymmetricKeyType === 'ed25519') return 'Ed25519';
  if (asymmetricKeyType !== 'rsa') return undefined;
  const bits = asymmetricKeyDetails?.modulusLength;
  return bits === 2048 ? 'RSA2048' : bits === 4096 ? 'RSA4096' : undefined;
}
