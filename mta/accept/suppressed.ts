/**
 * Which recipients of a message handed in by HTTP get it, and which the tenant has suppressed.
 *
 * A request with a key is answered again as it was the first time, whatever has been suppressed since: what was
 * suppressed then is kept with the key, as text.
 */
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import type { Suppression } from '../mail/suppression.ts';

export interface Suppressed {
  readonly address: string;
  readonly reason: Suppression['reason'];
}

/** Recipients that get the message, and those that do not. */
export interface Sifted {
  readonly recipients: readonly string[];
  readonly suppressed: readonly Suppressed[];
}

/** Rejects when somebody has to be looked up and cannot be. */
export async function sift(
  suppressions: Pick<Suppressions, 'match'>,
  tenant: string,
  named: readonly string[],
): Promise<Sifted> {
  const looking = named.flatMap((address) => {
    const found = suppressions.match(tenant, address);
    return found ? [found.then((it) => (it ? [{ address, reason: it.reason }] : []))] : [];
  });
  return looking.length === 0
    ? { recipients: named, suppressed: [] }
    : without(named, (await Promise.all(looking)).flat());
}

/** What is kept with the key of a request; '' for nearly all. */
export const noteOf = ({ suppressed }: Sifted): string => (suppressed.length === 0 ? '' : JSON.stringify(suppressed));

/** The same again, from the recipients that the request names. */
export const siftedBy = (note: string, named: readonly string[]): Sifted =>
  note === '' ? { recipients: named, suppressed: [] } : without(named, JSON.parse(note) as Suppressed[]);

function without(named: readonly string[], suppressed: readonly Suppressed[]): Sifted {
  const left = new Set(suppressed.map((it) => it.address));
  return { recipients: named.filter((it) => !left.has(it)), suppressed };
}
