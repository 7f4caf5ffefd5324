/**
 * The Secrets of a `SendingCredential`: the one that is made for its senders, and the proof of a password of their own. Pure.
 *
 * Both belong to it and go with it: a credential that is made anew gets a new password. Who deletes the Secret gets a new one too. A
 * password that was made is never replaced; what goes with it (address, port) follows the cluster.
 */
import { type SendingCredential, usernameOf } from '#crds/kinds/sending-credential.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import { formatCredential, parseCredential } from '#lib/keyring/credential.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import { isGeneratedSecret, proofOfGenerated } from '#lib/keyring/proof.ts';
import { credentialFiles } from '#lib/keyring/provision-credential.ts';
import type { Endpoint } from '#lib/keyring/surroundings.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { MANAGED_BY } from '../workload/child.ts';

const GENERATED = 'postfleet.io/credential';
const PROOF = 'postfleet.io/credential-proof';
const RECORD = 'record.json';

/** Name of the Secret that it has, and of the one that it would have if the password were not its own, or were. */
export function namesOf({ metadata: { name }, spec }: SendingCredential): {
  readonly own: string;
  readonly other: string;
} {
  const [generated, proof] = [`${name}-credential`, `${name}-proof`];
  return spec.secretRef ? { own: proof, other: generated } : { own: generated, other: proof };
}

export const generatedSecret = (
  credential: SendingCredential,
  uid: string,
  password: string,
  cluster: MTACluster,
): KubeObject =>
  secret(credential, uid, GENERATED, credentialFiles(usernameOf(credential), password, endpointOf(cluster)));

export const proofSecret = (credential: SendingCredential, uid: string, record: CredentialRecord): KubeObject =>
  secret(credential, uid, PROOF, { [RECORD]: formatCredential(record) });

function secret(
  credential: SendingCredential,
  uid: string,
  type: string,
  files: Readonly<Record<string, string>>,
): KubeObject {
  const { apiVersion, kind, metadata } = credential;
  const owner = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type,
    metadata: {
      name: namesOf(credential).own,
      namespace: metadata.namespace,
      labels: { ...MANAGED_BY },
      ownerReferences: [owner],
    },
    data: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, Buffer.from(text).toString('base64')])),
  };
}

/** The password that was made, or undefined for what cannot be one. */
export function passwordIn(found: KubeObject): string | undefined {
  const text = textIn(found, 'password');
  return found['type'] === GENERATED && isGeneratedSecret(text) ? text : undefined;
}

/** What proves the credential, by its Secret; undefined for any other. */
export function recordIn(found: KubeObject, username: string): CredentialRecord | undefined {
  const password = passwordIn(found);
  if (password !== undefined) return { v: 1, username, secret: proofOfGenerated(password) };
  const record = found['type'] === PROOF ? parseCredential(textIn(found, RECORD)) : undefined;
  return record?.username === username ? record : undefined;
}

function textIn(found: KubeObject, name: string): string {
  const data = (found['data'] ?? {}) as Readonly<Record<string, string>>;
  return Buffer.from(data[name] ?? '', 'base64').toString();
}

/** Where senders within the Kubernetes cluster connect to: the first SMTP listener. */
function endpointOf({ metadata, spec }: MTACluster): Endpoint | undefined {
  const listener = spec.ingress.listeners.find(({ protocol }) => protocol === 'SMTP' || protocol === 'SMTPS');
  if (!listener) return undefined;
  const host = `${metadata.name}-ingress.${metadata.namespace}.svc`;
  return { scheme: listener.protocol === 'SMTP' ? 'smtp' : 'smtps', host, port: listener.port };
}
