/**
 * The kinds of cert-manager, as far as our example speaks of them: an API server takes these fields and no other.
 *
 * Fields as in its API reference (https://cert-manager.io/docs/reference/api-docs/), version v1.
 */
import type { KubeObject } from '#lib/kube/kube.ts';

type Schema = Readonly<Record<string, unknown>>;

const text = { type: 'string' };
const object = (properties: Schema, ...required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
const list = (items: Schema): Schema => ({ type: 'array', items });

const rfc2136 = object(
  {
    nameserver: text,
    tsigKeyName: text,
    tsigAlgorithm: { type: 'string', enum: ['HMACMD5', 'HMACSHA1', 'HMACSHA256', 'HMACSHA512'] },
    tsigSecretSecretRef: object({ name: text, key: text }, 'name'),
  },
  'nameserver',
);
const solver = object({ dns01: object({ rfc2136 }) });
const acme = object(
  { email: text, server: text, privateKeySecretRef: object({ name: text }, 'name'), solvers: list(solver) },
  'server',
  'privateKeySecretRef',
);
const privateKey = object({
  algorithm: { type: 'string', enum: ['RSA', 'ECDSA', 'Ed25519'] },
  size: { type: 'integer' },
  rotationPolicy: { type: 'string', enum: ['Never', 'Always'] },
});

const KINDS: Readonly<Record<string, Schema>> = {
  Issuer: object({ acme }),
  Certificate: object(
    { secretName: text, dnsNames: list(text), privateKey, issuerRef: object({ name: text, kind: text }, 'name') },
    'secretName',
    'issuerRef',
  ),
};

export const CERT_MANAGER: readonly KubeObject[] = Object.entries(KINDS).map(([kind, spec]) => {
  const [singular, plural] = [kind.toLowerCase(), `${kind.toLowerCase()}s`];
  const schema = { openAPIV3Schema: object({ spec }, 'spec') };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.cert-manager.io` },
    spec: {
      group: 'cert-manager.io',
      scope: 'Namespaced',
      names: { kind, plural, singular, listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
});
