/**
 * Fills the keyring of one machine from what is declared: keys for each domain, a secret for each credential,
 * keys for return paths.
 *
 * Makes what is missing and never replaces what it made: a key that is published and a password that is in use cannot
 * be made again. Only keys of return paths age: a new one follows after 30 days. What only repeats the configuration (keys and passwords of your own, the address in `uri`) follows
 * it. Run again, also after a crash in the middle, it ends in the same state.
 *
 *   <data>/keyring/dkim/<namespace>, /credentials, /return-path   what `folder.ts` reads
 *   <data>/secrets/<namespace>.<name>/           username, password, token, and host, port, uri for the sender
 *   <config>/secrets/<name>/<key>                what a secretRef names
 */
import { join } from 'node:path';
import type { Resources } from '#crds/source/resources.ts';
import { provisionCredential } from './provision-credential.ts';
import { provisionDomain } from './provision-domain.ts';
import { provisionReturnPath } from './provision-return-path.ts';
import { makeFolder } from './store.ts';
import { type Provisioned, type Surroundings, keyringFolder } from './surroundings.ts';

/** Resolves when everything written is durable. Rejects with `data-unwritable` or `data-unreadable`. */
export async function provision(resources: Resources, surroundings: Surroundings): Promise<Provisioned> {
  const keyring = keyringFolder(surroundings.dataFolder);
  await makeFolder(join(keyring, 'dkim'));
  await makeFolder(join(keyring, 'credentials'));
  await makeFolder(join(keyring, 'return-path'));
  const steps: Provisioned[] = [];
  // One after another: making keys for many domains at once would hold up the signing that goes on beside it.
  for (const domain of resources.domains) {
    const isAlone = resources.claimsTo(domain.spec.domain).length === 1;
    steps.push(await provisionDomain(domain, isAlone, surroundings));
  }
  for (const credential of resources.credentials) steps.push(await provisionCredential(credential, surroundings));
  steps.push(await provisionReturnPath(resources.domains, surroundings));
  return { made: steps.flatMap(({ made }) => made), problems: steps.flatMap(({ problems }) => problems) };
}
