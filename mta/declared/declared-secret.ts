/**
 * A secret that the `MTACluster` names for the process itself; never quoted.
 */
import type { SecretRef } from '#crds/parts.ts';
import { readSecret } from '#lib/keyring/chosen-secret.ts';
import { Fault } from '#lib/run/fault.ts';

/** Undefined where none is named. Fault `secret-missing`, which says of which field. */
export async function declaredSecret(
  ref: SecretRef | undefined,
  config: string,
  field: string,
): Promise<string | undefined> {
  if (!ref) return undefined;
  const secret = await readSecret(config, ref);
  if (secret.kind === 'found') return secret.text.trim();
  throw new Fault('secret-missing', `${field} of the MTACluster: ${secret.problem}`);
}
