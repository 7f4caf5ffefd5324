/**
 * The certificates of one machine's listeners: those the resources name, or one made here and kept.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Listener } from '#crds/kinds/mta-cluster.ts';
import { makeFolder, writeWhole } from '#lib/keyring/store.ts';
import { selfMadeCertificate } from '#lib/run/certificate.ts';
import type { Clock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';

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

/**
 * What a listener's `certificateRefs` name (`<config>/secrets/<name>/tls.crt` and `tls.key`), else `own`. Each call makes
 * a context: where two listeners share one, a session of TLS with the one is resumed by the other.
 */
export async function certificateOf(
  listener: Listener,
  config: string,
  own: LoadedCertificate,
): Promise<LoadedCertificate> {
  const [reference] = listener.tls?.certificateRefs ?? [];
  return reference ? load(join(config, 'secrets', reference.name)) : { ...own, context: contextOf(own) };
}

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
