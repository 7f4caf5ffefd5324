/**
 * Proofs of secrets: made, and compared in constant time.
 *
 * scrypt runs on the thread pool that signing uses too; who lets strangers ask for it limits how many run at a time.
 */
import { hash, scrypt, timingSafeEqual } from 'node:crypto';
import type { Random } from '#lib/run/random.ts';
import type { ScryptProof, SecretProof } from './keyring.ts';

/** What a proof costs whoever makes or compares it (RFC 7914 §2). */
export type Effort = Pick<ScryptProof, 'cost' | 'blockSize' | 'parallel'>;

/**
 * 32 MiB and about a tenth of a second, scrypt's customary cost for a login. More would hurt those who guess offline
 * more, but every guess over the wire costs this machine, which signs mail meanwhile, the same.
 */
export const CUSTOMARY: Effort = { cost: 2 ** 15, blockSize: 8, parallel: 1 };
const HASH_BYTES = 32;

/** 256 bits in base64url, all but a fiftieth of one: nothing that a URI or a shell would have to quote. */
const SECRET_BYTES = 32;
const GENERATED = /^[\w-]{43}$/;

/** Begins with no hyphen: on a command line it would be taken for an option. */
export function generateSecret(random: Random): string {
  const secret = random.bytes(SECRET_BYTES).toString('base64url');
  return secret.startsWith('-') ? generateSecret(random) : secret;
}

/** Whether it may have been generated: a plain hash is no proof for what can be guessed. */
export const isGeneratedSecret = (text: string): boolean => GENERATED.test(text);

/** Of a secret with at least 128 random bits. */
export const proofOfGenerated = (secret: string): SecretProof => ({
  kind: 'sha256',
  hash: sha256(secret).toString('base64'),
});

const sha256 = (secret: string): Buffer => hash('sha256', secret, 'buffer');

/** Of a secret somebody chose. */
export async function proofOfChosen(secret: string, random: Random, effort = CUSTOMARY): Promise<ScryptProof> {
  const unproven = { kind: 'scrypt', ...effort, salt: random.bytes(16).toString('base64'), hash: '' } as const;
  return { ...unproven, hash: (await derive(secret, unproven)).toString('base64') };
}

/** Whether the secret is the one proven. Takes the same time whatever the answer. */
export const isProven = async (secret: string, proof: ScryptProof): Promise<boolean> =>
  timingSafeEqual(await derive(secret, proof), Buffer.from(proof.hash, 'base64'));

/** The same of a generated one. */
export const isProvenGenerated = (secret: string, proven: string): boolean =>
  timingSafeEqual(sha256(secret), Buffer.from(proven, 'base64'));

function derive(secret: string, { cost, blockSize, parallel, salt }: ScryptProof): Promise<Buffer> {
  const options = { N: cost, r: blockSize, p: parallel, maxmem: 256 * blockSize * (cost + parallel + 2) };
  return new Promise((resolve, reject) => {
    scrypt(secret, Buffer.from(salt, 'base64'), HASH_BYTES, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
