/**
 * How NATS is spoken to, as the `MTACluster` declares it: where its servers are, as whom, and whom they are to be signed by.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { Access } from '#lib/nats/connection.ts';
import { readCredentials } from '#lib/nats/credentials.ts';
import { Fault } from '#lib/run/fault.ts';
import { declaredSecret } from '../declared/declared-secret.ts';

type Declared = NonNullable<MTACluster['spec']['queue']['nats']>;

const FIELD = 'spec.queue.nats';

/** Reads the secrets, from the folder of resources. Faults: `secret-missing`, `bad-secret`. */
export async function natsAccess({ servers, credentialsRef, caRef }: Declared, config: string): Promise<Access> {
  const text = await declaredSecret(credentialsRef, config, `${FIELD}.credentialsRef`);
  const ca = await declaredSecret(caRef, config, `${FIELD}.caRef`);
  const credentials = text === undefined ? undefined : readCredentials(text);
  if (text !== undefined && !credentials)
    throw new Fault(
      'bad-secret',
      `${FIELD}.credentialsRef of the MTACluster: it must be a credentials file as nsc makes it, the seed of a user's nkey, or user:password`,
    );
  if (ca !== undefined && !ca.includes('BEGIN CERTIFICATE'))
    throw new Fault('bad-secret', `${FIELD}.caRef of the MTACluster: it must be certificates in PEM`);
  // One server that is to prove its name means all: a client goes from one to the other.
  const isEncrypted = ca !== undefined || servers.some((it) => it.startsWith('tls://'));
  return {
    servers: servers.map((it) => it.replace(/^(nats|tls):\/\//, '')),
    ...(credentials && { credentials }),
    ...(isEncrypted && { tls: ca === undefined ? {} : { ca } }),
  };
}
