/**
 * Secrets that an `MTACluster` and the proxies of its pools name: which are not there, and which are no certificates. Pure.
 *
 * Pods start without them, and say what they miss where nobody looks: so it is said of the resource that names them.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SecretRef } from '#crds/parts.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

export interface SecretProblem {
  readonly reason: 'SecretMissing' | 'SecretInvalid';
  /** What to do. */
  readonly message: string;
}

interface Named {
  /** Where it is named. */
  readonly field: string;
  readonly ref: SecretRef;
}

const CERTIFICATE = 'tls.crt';
const KEY = 'tls.key';

/** Names of Secrets of the cluster's namespace. */
export const secretNames = (cluster: MTACluster, proxyLogins: readonly SecretRef[]): string[] => [
  ...new Set(namedBy(cluster, proxyLogins).map(({ ref }) => ref.name)),
];

/** `secrets`: those that are there, by name. What is missing comes first. */
export function secretProblem(
  cluster: MTACluster,
  proxyLogins: readonly SecretRef[],
  secrets: ReadonlyMap<string, KubeObject>,
): SecretProblem | undefined {
  const { namespace } = cluster.metadata;
  const missing = namedBy(cluster, proxyLogins).filter(
    ({ ref }) => textIn(secrets.get(ref.name), ref.key) === undefined,
  );
  if (missing.length > 0) {
    const sentences = missing.map(
      ({ field, ref }) => `${field}: there is no key ${ref.key} of Secret ${namespace}/${ref.name}: make it`,
    );
    return { reason: 'SecretMissing', message: sentences.join('; ') };
  }
  const invalid = certificatesOf(cluster).filter((name) => !isCertificate(secrets.get(name)));
  if (invalid.length === 0) return undefined;
  const sentences = invalid.map(
    (name) => `Secret ${namespace}/${name} must hold a certificate in ${CERTIFICATE} and its key in ${KEY}, in PEM`,
  );
  return { reason: 'SecretInvalid', message: sentences.join('; ') };
}

function namedBy(cluster: MTACluster, proxyLogins: readonly SecretRef[]): Named[] {
  const { queue, limits, egress } = cluster.spec;
  const named: [string, SecretRef | undefined][] = [
    ['spec.queue.nats.credentialsRef', queue.nats?.credentialsRef],
    ['spec.queue.nats.caRef', queue.nats?.caRef],
    ['spec.limits.redis.passwordRef', limits.redis?.passwordRef],
    ['spec.limits.redis.caRef', limits.redis?.caRef],
    ['spec.egress.tlsCARef', egress.tlsCARef],
    ['spec.egress.authRef', egress.authRef],
    ...proxyLogins.map((ref): [string, SecretRef] => ['proxy.authRef of an IPPool', ref]),
    ...certificatesOf(cluster).flatMap((name): [string, SecretRef][] =>
      [CERTIFICATE, KEY].map((key) => ['tls.certificateRefs of a listener', { name, key }]),
    ),
  ];
  return named.flatMap(([field, ref]) => (ref ? [{ field, ref }] : []));
}

const certificatesOf = ({ spec }: MTACluster): string[] => [
  ...new Set(spec.ingress.listeners.flatMap(({ tls }) => tls?.certificateRefs ?? []).map(({ name }) => name)),
];

function textIn(secret: KubeObject | undefined, key: string): string | undefined {
  const { [key]: encoded } = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>;
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
}

/** Whether it can be shown to anybody; who trusts it is not asked. */
function isCertificate(secret: KubeObject | undefined): boolean {
  try {
    const certificate = new X509Certificate(textIn(secret, CERTIFICATE) ?? '');
    return certificate.checkPrivateKey(createPrivateKey(textIn(secret, KEY) ?? ''));
  } catch {
    return false;
  }
}
