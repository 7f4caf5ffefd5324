/**
 * A certificate nobody signed but itself: for tests, and for a first start before there is a real one.
 *
 * Peers that verify certificates do not trust it; peers that encrypt opportunistically do not mind.
 */
import { isIP } from 'node:net';
import { generate } from 'selfsigned';
import { type Clock, hours, systemClock } from './clock.ts';

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const YEAR = hours(24 * 365);

/** For host names or IP addresses, at least one; P-256, valid for ten years from a day ago (clocks differ). */
export async function selfMadeCertificate(
  names: readonly string[],
  clock: Pick<Clock, 'now'> = systemClock,
): Promise<Certificate> {
  const [first = 'localhost'] = names;
  const altNames = names.map((name) =>
    isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name },
  );
  const made = await generate([{ name: 'commonName', value: first }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(clock.now() - hours(24)),
    notAfterDate: new Date(clock.now() + 10 * YEAR),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { cert: made.cert, key: made.private };
}
