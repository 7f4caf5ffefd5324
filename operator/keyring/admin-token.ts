/**
 * The Secret with the token of a cluster's admin API: made once, and anew when somebody has deleted it. Pure.
 *
 * Every pod mounts it, and whoever may read it in the cluster's namespace may ask the pods.
 */
import { ADMIN_TOKEN, ADMIN_TOKEN_BYTES } from '#lib/keyring/admin-token.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { type Blueprint, childMetadata, childName } from '../workload/child.ts';

const TOKEN = /^[\w-]{43,}$/;

export function adminTokenSecret(
  blueprint: Blueprint,
  observed: KubeObject | undefined,
  bytes: (length: number) => Buffer,
): KubeObject {
  const kept = tokenIn(observed);
  const token = TOKEN.test(kept) ? kept : bytes(ADMIN_TOKEN_BYTES).toString('base64url');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'postfleet.io/admin-token',
    metadata: childMetadata(blueprint, childName(blueprint, ADMIN_TOKEN.secret)),
    data: { [ADMIN_TOKEN.key]: Buffer.from(token).toString('base64') },
  };
}

function tokenIn(secret: KubeObject | undefined): string {
  const { [ADMIN_TOKEN.key]: encoded = '' } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(encoded, 'base64').toString();
}
