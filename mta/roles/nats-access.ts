/**
 * How NATS is spoken to, as the `MTACluster` declares it: where its servers are, as whom, and whom they are to be signed by.
 *
 * As whom is read anew every few seconds, as certificates are: when a server lets us in no longer, it is asked with what the secret holds
 * by then. While that is missing or wrong the last good credentials stay in use.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SecretRef } from '#crds/parts.ts';
import type { Access } from '#lib/nats/connection.ts';
import { type Credentials, readCredentials } from '#lib/nats/credentials.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import { declaredSecret } from '../declared/declared-secret.ts';
import { Refreshed } from '../declared/refreshed.ts';
import { LOOK_EVERY } from './certificate.ts';
import type { Ground } from './ground.ts';

type Declared = NonNullable<MTACluster['spec']['queue']['nats']>;
type Surroundings = Pick<Ground, 'config' | 'clock' | 'log'>;

const FIELD = 'spec.queue.nats';

/** Reads the secrets, from the folder of resources. Faults: `secret-missing`, `bad-secret`. */
export async function natsAccess(
  { servers, credentialsRef, caRef }: Declared,
  around: Surroundings,
  opened: AsyncDisposableStack,
): Promise<Access> {
  const ca = await declaredSecret(caRef, around.config, `${FIELD}.caRef`);
  if (ca !== undefined && !ca.includes('BEGIN CERTIFICATE'))
    throw new Fault('bad-secret', `${FIELD}.caRef of the MTACluster: it must be certificates in PEM`);
  // One server that is to prove its name means all: a client goes from one to the other.
  const isEncrypted = ca !== undefined || servers.some((it) => it.startsWith('tls://'));
  return {
    servers: servers.map((it) => it.replace(/^(nats|tls):\/\//, '')),
    ...(credentialsRef && { credentials: await openCredentials(credentialsRef, around, opened) }),
    ...(isEncrypted && { tls: ca === undefined ? {} : { ca } }),
  };
}

async function openCredentials(
  ref: SecretRef,
  { config, clock, log }: Surroundings,
  opened: AsyncDisposableStack,
): Promise<Refreshed<Credentials>> {
  const troubled = (thrown: unknown): void =>
    log.error('the last good credentials of NATS stay in use', { reason: reasonOf(thrown) });
  const credentials = await Refreshed.open(() => credentialsIn(ref, config), { clock, every: LOOK_EVERY, troubled });
  return opened.adopt(credentials, (it) => it.close());
}

async function credentialsIn(ref: SecretRef, config: string): Promise<Credentials> {
  const text = (await declaredSecret(ref, config, `${FIELD}.credentialsRef`)) ?? '';
  const credentials = readCredentials(text);
  if (credentials) return credentials;
  throw new Fault(
    'bad-secret',
    `${FIELD}.credentialsRef of the MTACluster: it must be a credentials file as nsc makes it, the seed of a user's nkey, or user:password`,
  );
}
