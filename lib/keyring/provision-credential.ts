/**
 * The secret of one credential: made here and laid out for the sender, or chosen and only proven here.
 *
 * A generated password is the one thing that cannot be made again. Everything else follows from it, and the proof is
 * written last, so that a run cut short is finished by the next. Who takes the password away after copying it keeps
 * the proof: the credential goes on working and nothing new is made.
 */
import { join } from 'node:path';
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import type { SecretRef } from '#crds/parts.ts';
import type { Random } from '#lib/run/random.ts';
import { readSecret } from './chosen-secret.ts';
import { formatCredential, parseCredential } from './credential.ts';
import { credentialFile } from './folder.ts';
import type { CredentialRecord, SecretProof } from './keyring.ts';
import { generateSecret, isGeneratedSecret, isProven, proofOfChosen, proofOfGenerated } from './proof.ts';
import { keepInStep, makeFolder, readIfThere } from './store.ts';
import { type Endpoint, type Provisioned, type Surroundings, keyringFolder } from './surroundings.ts';
import { tokenOf } from './verifier.ts';

/** Expects the folder of records to exist. */
export async function provisionCredential(credential: SendingCredential, to: Surroundings): Promise<Provisioned> {
  const username = usernameOf(credential);
  const path = join(keyringFolder(to.dataFolder), 'credentials', credentialFile(username));
  const stored = parseCredential((await readIfThere(path)) ?? '');
  const { secretRef } = credential.spec;
  const step = secretRef ? await prove(secretRef, stored, to) : await generate(username, stored, to);
  if (step.kind === 'problem') return { made: [], problems: [`SendingCredential ${username}: ${step.problem}`] };
  const record: CredentialRecord = { v: 1, username, secret: step.proof };
  const isNew = await keepInStep(path, formatCredential(record));
  return { made: isNew ? [...step.made, path] : step.made, problems: [] };
}

type Step =
  | { readonly kind: 'proven'; readonly proof: SecretProof; readonly made: readonly string[] }
  | { readonly kind: 'problem'; readonly problem: string };

async function prove(secretRef: SecretRef, stored: CredentialRecord | undefined, to: Surroundings): Promise<Step> {
  const secret = await readSecret(to.configFolder, secretRef);
  if (secret.kind === 'absent') return { kind: 'problem', problem: secret.problem };
  const proof = await proofOf(secret.text, stored, to.random);
  return proof ? { kind: 'proven', proof, made: [] } : { kind: 'problem', problem: NOT_ONE_LINE };
}

export const NOT_ONE_LINE = 'the secret must be one line of text';

/** Proves what somebody chose, by the proof that is there if it is of the same; undefined for what cannot be a password. */
export async function proofOf(
  text: string,
  stored: CredentialRecord | undefined,
  random: Random,
): Promise<SecretProof | undefined> {
  // Editors end a file with a line end that nobody means as part of a password.
  const chosen = text.replace(/\r?\n$/, '');
  if (!/^[^\p{Cc}]+$/u.test(chosen)) return undefined;
  const isStored = stored?.secret.kind === 'scrypt' && (await isProven(chosen, stored.secret));
  return isStored ? stored.secret : proofOfChosen(chosen, random);
}

async function generate(username: string, stored: CredentialRecord | undefined, to: Surroundings): Promise<Step> {
  const folder = join(to.dataFolder, 'secrets', username);
  const kept = await readIfThere(join(folder, 'password'));
  if (kept === undefined && stored?.secret.kind === 'sha256') return { kind: 'proven', proof: stored.secret, made: [] };
  if (kept !== undefined && !isGeneratedSecret(kept))
    return {
      kind: 'problem',
      problem: `${folder}/password was changed by hand: use secretRef for a password of your own`,
    };
  const password = kept ?? generateSecret(to.random);
  const made = await layOut(folder, username, password, to.endpoint);
  return { kind: 'proven', proof: proofOfGenerated(password), made };
}

/** Writes what is missing or has changed, the password first. */
async function layOut(folder: string, username: string, password: string, endpoint?: Endpoint): Promise<string[]> {
  await makeFolder(folder);
  const files = credentialFiles(username, password, endpoint);
  const made: string[] = [];
  for (const [name, text] of Object.entries(files))
    if (await keepInStep(join(folder, name), text)) made.push(join(folder, name));
  return made;
}

/** What a sender needs, by name; the password first. */
export const credentialFiles = (username: string, password: string, endpoint?: Endpoint): Record<string, string> => ({
  password,
  username,
  token: tokenOf(username, password),
  ...addressFiles(username, password, endpoint),
});

function addressFiles(username: string, password: string, endpoint?: Endpoint): Record<string, string> {
  if (!endpoint) return {};
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  const uri = `${endpoint.scheme}://${username}:${password}@${host}:${endpoint.port}`;
  return { host: endpoint.host, port: String(endpoint.port), uri };
}
