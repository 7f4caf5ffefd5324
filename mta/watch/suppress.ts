/**
 * `postfleet suppress`: keeps a tenant's mail from an address or a domain, lets it go again, or lists who is kept from.
 */
import type { Clock } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Suppression } from '../mail/suppression.ts';
import { type AdminFlags, askAdmin } from './admin-client.ts';
import { readSpan } from './span.ts';

export interface SuppressFlags extends AdminFlags {
  readonly by: string;
  readonly tenant: string;
  readonly reason?: string;
  /** After how long it ends: `30d`. */
  readonly expires?: string;
  readonly remove?: boolean;
  readonly list?: boolean;
  readonly json?: boolean;
}

type Print = (text: string) => void;

/** Prints to `print`; rejects with a fault when it is refused or nobody answers. */
export async function suppressCommand(
  subject: string | undefined,
  flags: SuppressFlags,
  print: Print,
  clock: Pick<Clock, 'now'>,
): Promise<void> {
  if (flags.list === true) return listAll(flags, print);
  if (subject === undefined) throw new Fault('bad-setting', 'name an address or a domain, or give --list');
  const { by, tenant, reason, expires } = flags;
  const until = expires === undefined ? undefined : clock.now() + seconds(readSpan('--expires', expires));
  const more = flags.remove === true ? {} : { reason, expiresAt: until && new Date(until).toISOString() };
  const path = flags.remove === true ? '/v1/unsuppress' : '/v1/suppress';
  const entry = (await askAdmin(flags, path, 'POST', { tenant, subject, by, ...more })) as Suppression;
  const line = `${flags.remove === true ? 'no longer suppressed: ' : 'suppressed: '}${entryLine(entry)}`;
  print(flags.json === true ? JSON.stringify(entry, null, 2) : line);
}

/** Page by page: a list may be long. */
async function listAll(flags: SuppressFlags, print: Print): Promise<void> {
  const { tenant, json } = flags;
  for (let after: string | undefined = ''; after !== undefined;) {
    const query: string = new URLSearchParams({ tenant, after }).toString();
    const page = (await askAdmin(flags, `/v1/suppressions?${query}`)) as { suppressions: Suppression[]; next?: string };
    for (const it of page.suppressions) print(json === true ? JSON.stringify(it) : entryLine(it));
    after = page.next;
  }
}

function entryLine({ subject, reason, source, createdAt, expiresAt }: Suppression): string {
  const end = expiresAt === undefined ? '' : `, until ${new Date(expiresAt).toISOString()}`;
  return `${subject} (${reason}, by ${source} since ${new Date(createdAt).toISOString()}${end})`;
}
