/**
 * The keyring: private keys that sign, return paths too, and what proves credentials. A port; `folder.ts` reads it from files.
 *
 * Promises: look-ups cost nothing and are of one reading, whole. What is in the keyring is not by itself valid: who may
 * send is declared in the resources, and a caller admits only a username that is still declared there.
 */
import type { SigningKey } from '#lib/dkim/key.ts';
import type { ReturnPathKey } from './return-path-key.ts';

export interface Keyring {
  /**
   * Keys of a domain (lower-case A-labels) as a namespace claims it, by selector; of all who claim it when none is given.
   * Every one signs: who fills the keyring decides.
   */
  signingKeys(domain: string, namespace?: string): readonly SigningKey[];
  /** Keys of return paths, the newest first: the first whose day has come signs, all of them verify. */
  returnPathKeys(): readonly ReturnPathKey[];
  /** What proves a username, `<namespace>.<name>`. */
  credential(username: string): CredentialRecord | undefined;
}

export interface CredentialRecord {
  readonly v: 1;
  readonly username: string;
  readonly secret: SecretProof;
}

/** Proof of a secret that does not give it away. Bytes are in base64. */
export type SecretProof =
  /** Of a secret made here with 256 random bits: nothing to guess, so a plain hash is enough. */
  | { readonly kind: 'sha256'; readonly hash: string }
  /** Of a secret somebody chose: made slow, for those who guess. */
  | ScryptProof;

export interface ScryptProof {
  readonly kind: 'scrypt';
  readonly cost: number;
  readonly blockSize: number;
  readonly parallel: number;
  readonly salt: string;
  readonly hash: string;
}
