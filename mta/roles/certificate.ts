/**
 * The certificates of listeners: those the resources name, or one made here and kept.
 *
 * What is named is read anew every few seconds, because a Secret that is mounted is a new file when it changes: connections that are
 * made afterwards get the new one. While it cannot be read, or key and certificate do not fit, the last good one stays in use.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Listener } from '#crds/kinds/mta-cluster.ts';
import { makeFolder, writeWhole } from '#lib/keyring/store.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { Refreshed } from '../declared/refreshed.ts';

export interface LoadedCertificate {
  readonly context: SecureContext;
  /** PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;
  /** PEM of the certificate, for who must trust it. */
  readonly certificateFile: string;
}

/** The self-made certificate in `<data>/tls`, made when it is not there. */
export async function ownCertificate(data: string, names: readonly string[], clock: Clock): Promise<LoadedCertificate> {
  const folder = join(data, 'tls');
  if (!existsSync(join(folder, 'tls.crt'))) {
    const { cert, key } = await selfMadeCertificate(names, clock);
    await makeFolder(folder);
    await writeWhole(join(folder, 'tls.key'), key);
    await writeWhole(join(folder, 'tls.crt'), cert);
  }
  return load(folder);
}

/** A certificate that may be followed by another. */
export interface ListenerCertificate {
  readonly current: LoadedCertificate;
  close(): void;
}

export interface CertificatesOptions {
  /** Where `secrets/<name>/tls.crt` and `tls.key` are. */
  readonly config: string;
  /** Of listeners that name none. */
  readonly own: LoadedCertificate;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often a file is looked at that may have changed. */
export const LOOK_EVERY: Duration = seconds(10);

/**
 * What a listener's `certificateRefs` name, else `own`. Each call makes a context: where two listeners share one, a session of TLS with
 * the one is resumed by the other. Fault `certificate-invalid` when there is none at first.
 */
export async function certificateOf(
  { name, tls }: Pick<Listener, 'name' | 'tls'>,
  { config, own, clock, log }: CertificatesOptions,
): Promise<ListenerCertificate> {
  const [reference] = tls?.certificateRefs ?? [];
  if (!reference) return { current: { ...own, context: contextOf(own) }, close: () => undefined };
  let last: LoadedCertificate | undefined;
  const read = async (): Promise<LoadedCertificate> => {
    const now = await load(join(config, 'secrets', reference.name));
    if (last && isSame(now, last)) return last;
    if (last) log.info('connections get another certificate from now on', { listener: name });
    return (last = now);
  };
  const troubled = (thrown: unknown): void =>
    log.error('the last good certificate stays in use', { listener: name, reason: reasonOf(thrown) });
  return Refreshed.open(read, { clock, every: LOOK_EVERY, troubled });
}

/** Sessions are resumed with the context that they were made with. */
const isSame = (one: LoadedCertificate, other: LoadedCertificate): boolean =>
  one.cert.equals(other.cert) && one.key.equals(other.key);

async function load(folder: string): Promise<LoadedCertificate> {
  const certificateFile = join(folder, 'tls.crt');
  try {
    const cert = await readFile(certificateFile);
    const key = await readFile(join(folder, 'tls.key'));
    return { certificateFile, cert, key, context: contextOf({ cert, key }) };
  } catch (cause) {
    throw new Fault('certificate-invalid', `${folder} must hold a certificate in tls.crt and its key in tls.key`, {
      cause,
    });
  }
}

const contextOf = ({ cert, key }: Pick<LoadedCertificate, 'cert' | 'key'>): SecureContext =>
  createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
