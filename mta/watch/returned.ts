/**
 * `postfleet returned WHAT`: what came back for a message, a recipient or an address for complaints, for people, as JSON, or
 * as it came.
 */
import { Fault } from '#lib/run/fault.ts';
import type { MailEvent } from '../mail/event.ts';
import type { ReturnedMailItem } from '../mail/returned-mail.ts';
import { type AdminFlags, askAdmin } from './admin-client.ts';

export interface Returned {
  readonly what: string;
  /** Oldest first. */
  readonly returned: readonly ReturnedMailItem[];
}

export interface ReturnedFlags extends AdminFlags {
  readonly json?: boolean;
  /** Which copy to print as it came, counted from 1. */
  readonly raw?: string;
}

/** Prints to `print`, or a copy to `write`; rejects with a fault when nothing is known or nobody answers. */
export async function returnedCommand(
  what: string,
  flags: ReturnedFlags,
  print: (text: string) => void,
  write: (bytes: Buffer) => void,
): Promise<void> {
  const { json, raw } = flags;
  const copies = raw === undefined ? '' : '?copies=1';
  const known = (await askAdmin(flags, `/v1/returned/${encodeURIComponent(what)}${copies}`)) as Returned;
  if (raw !== undefined) return write(copyOf(known, raw));
  print(json === true ? JSON.stringify(known, null, 2) : known.returned.map(formatItem).join('\n'));
}

function copyOf({ what, returned }: Returned, number: string): Buffer {
  const copy = returned[Number(number) - 1]?.copy;
  if (copy !== undefined) return Buffer.from(copy, 'base64');
  const most = returned.length;
  throw new Fault('no-such-copy', `there is no copy ${number} for ${what}: --raw takes a number from 1 to ${most}`);
}

function formatItem({ at, message, recipient, report, host, foundBy, caused }: ReturnedMailItem, nth: number): string {
  const about = message === undefined ? 'about no message' : `about ${message}, found by its ${foundBy ?? ''}`;
  const lines = [`${nth + 1}  ${new Date(at).toISOString()} ${report} for ${recipient}, by ${host}, ${about}`];
  if (caused) lines.push(`   ${causedLine(caused)}`);
  return lines.join('\n');
}

function causedLine({ type, reply, class: kind, rule, suppressed }: MailEvent): string {
  const details = [
    reply,
    kind === undefined ? '' : `${kind} (${rule ?? ''})`,
    suppressed === undefined ? '' : `suppressed (${suppressed})`,
  ];
  return `${type}: ${details.filter((it) => it !== '').join(', ')}`;
}
