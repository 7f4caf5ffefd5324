/**
 * What a secretRef names on one machine: the file `<config>/secrets/<name>/<key>`.
 */
import { join } from 'node:path';
import type { SecretRef } from '#crds/parts.ts';
import { readIfThere } from './store.ts';

export type ChosenSecret =
  | { readonly kind: 'found'; readonly text: string }
  | { readonly kind: 'absent'; readonly problem: string };

/** Reads it. The reference has been validated: neither part can lead out of the folder. */
export async function readSecret(configFolder: string, { name, key }: SecretRef): Promise<ChosenSecret> {
  const path = join(configFolder, 'secrets', name, key);
  const text = await readIfThere(path);
  return text === undefined
    ? { kind: 'absent', problem: `the secret it refers to is not there: put it into ${path}` }
    : { kind: 'found', text };
}
