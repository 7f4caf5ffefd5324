/**
 * `postfleet domain NAME`: what a sending domain must publish, what DNS says, and what to change, for people or as JSON.
 */
import type { RecordReport } from '#lib/domain/records.ts';
import type { DomainStatus } from '#lib/domain/status.ts';
import { type AdminFlags, askAdmin } from './admin-client.ts';

export interface DomainFlags extends AdminFlags {
  /** Ask DNS now. */
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Prints to `print`; rejects with a fault when there is no such domain or nobody answers. */
export async function domainCommand(name: string, flags: DomainFlags, print: (text: string) => void): Promise<void> {
  const path = `/v1/domains/${encodeURIComponent(name.toLowerCase())}`;
  const asked = flags.check === true ? askAdmin(flags, `${path}/check`, 'POST') : askAdmin(flags, path);
  const status = (await asked) as DomainStatus;
  print(flags.json === true ? JSON.stringify(status, null, 2) : formatDomain(status));
}

const STANDINGS: Readonly<Record<DomainStatus['standing'], string>> = {
  verified: 'is verified and may send',
  unverified: 'is not verified and may not send: publish a DKIM record',
  excused: 'may send without proof (verification: Skip)',
  'claimed-by-another': 'may not send: an older claim to the domain is verified',
};

function formatDomain({ domain, standing, verifiedAt, checkedAt, conditions, records }: DomainStatus): string {
  const since = verifiedAt === undefined ? '' : `, since ${timeOf(verifiedAt)}`;
  const asked = checkedAt === undefined ? 'DNS has not been asked yet' : `DNS was asked at ${timeOf(checkedAt)}`;
  const notes = conditions.filter((it) => it.type !== 'Ready' && it.status !== 'True' && it.message !== '');
  const lines = notes.map((it) => `  ${it.type} ${it.status}: ${it.message}`);
  return [`${domain} ${STANDINGS[standing]}${since}; ${asked}`, ...lines, ...records.map(formatRecord)].join('\n');
}

const timeOf = (instant: number): string => new Date(instant).toISOString();

/** A value has lines of its own, as it is: it is there to be copied. */
function formatRecord({ purpose, type, name, expected, found, difference, state }: RecordReport): string {
  const label = (word: string, values: readonly string[]): string[] =>
    values.map((value, at) => `  ${(at === 0 ? word : '').padEnd(9)} ${printable(value)}`);
  const isThere = state === 'Present' && expected.join('\n') === found.join('\n');
  const lines = [
    ...label('expected', expected),
    ...(isThere ? [] : label('found', found)),
    ...label(state === 'Present' ? 'note' : 'change', difference === '' ? [] : [difference]),
  ];
  return [`\n${state.padEnd(8)} ${purpose.padEnd(11)} ${type.padEnd(4)} ${name}`, ...lines].join('\n');
}

/** What a zone says may hold anything, and must not steer a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '\u{fffd}');
