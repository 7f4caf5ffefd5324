/**
 * `postfleet suspend`, `resume`, `retry`, `bounce`, `reroute` and `audit`: acts on mail through the admin API, and says in a sentence what was done.
 */
import type { Done } from '../mail/operation.ts';
import type { AuditRecord } from '../settle/ledger/orders.ts';
import { matterLine, type Suspension, suspensionLine } from '../mail/suspension.ts';
import { type AdminFlags, askAdmin, mustBeWhole } from './admin-client.ts';
import { readSpan } from './span.ts';

/** Which mail, and who asks. */
export interface ChoiceFlags extends AdminFlags {
  readonly by: string;
  readonly tenant?: string;
  readonly pool?: string;
  readonly domain?: string;
  readonly site?: string;
  readonly message?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export interface SuspendFlags extends ChoiceFlags {
  readonly reason: string;
  readonly for?: string;
}

export interface AuditFlags extends AdminFlags {
  readonly limit: string;
  readonly json?: boolean;
}

type Print = (text: string) => void;

export async function suspendCommand(flags: SuspendFlags, print: Print): Promise<void> {
  const forSeconds = flags.for === undefined ? undefined : readSpan('--for', flags.for);
  await operate('suspend', flags, { why: flags.reason, forSeconds }, print, suspendedLines);
}

export async function resumeCommand(id: string | undefined, flags: ChoiceFlags, print: Print): Promise<void> {
  await operate('resume', flags, { id }, print, resumedLines);
}

export async function retryCommand(flags: ChoiceFlags, print: Print): Promise<void> {
  await operate('retry', flags, {}, print, (done, would) => movedLines(`${would}try now`, done));
}

/** `report`: whether senders are told. */
export async function bounceCommand(
  flags: ChoiceFlags & { readonly reason: string; readonly report: boolean },
  print: Print,
): Promise<void> {
  const { reason: why, report } = flags;
  await operate('bounce', flags, { why, report }, print, (done, would) => movedLines(`${would}bounce`, done));
}

export async function rerouteCommand(flags: ChoiceFlags & { readonly to: string }, print: Print): Promise<void> {
  const { to } = flags;
  await operate('reroute', flags, { to }, print, (done, would) => movedLines(`${would}send by ${to}`, done));
}

/** Prints what was done to which mail, the newest first. */
export async function auditCommand(flags: AuditFlags, print: Print): Promise<void> {
  const { records } = (await askAdmin(flags, `/v1/audit?limit=${encodeURIComponent(flags.limit)}`)) as {
    records: readonly AuditRecord[];
  };
  if (flags.json === true) return print(JSON.stringify(records, null, 2));
  print(records.length === 0 ? 'nothing was done yet' : records.map(recordLine).join('\n'));
}

async function operate(
  operation: string,
  flags: ChoiceFlags,
  more: object,
  print: Print,
  lines: (done: Done, would: string) => string[],
): Promise<void> {
  const { by, tenant, pool, domain, site, message, all, dryRun } = flags;
  const choice = { tenant, pool, domain, site, message, all };
  const done = (await askAdmin(flags, `/v1/${operation}`, 'POST', { ...choice, ...more, by, dryRun })) as Done;
  const text = [...lines(done, done.dryRun ? 'would ' : ''), ...(done.dryRun ? ['nothing was changed'] : [])];
  print(flags.json === true ? JSON.stringify(done, null, 2) : text.join('\n'));
  mustBeWhole(done);
}

const countOf = ({ recipients, lanes }: Done): string => `${recipients} recipients in ${lanes} lanes`;

function suspendedLines(done: Done, would: string): string[] {
  const [order] = done.suspensions ?? [];
  if (!order) return [];
  const holds = `${would === '' ? 'holds' : 'would hold'} ${countOf(done)} now, and what is to come`;
  const lines = [`${holds}: ${matterLine(order.about)}`, suspensionLine(order)];
  return would === '' ? [...lines, `end it with: npx postfleet resume ${order.id}`] : lines;
}

const resumedLines = (done: Done, would: string): string[] => [
  `${would}let go ${countOf(done)}`,
  ...(done.suspensions ?? []).map((it) => `${would}end ${orderLine(it)}`),
  ...(done.stillHeldBy ?? []).map((it) => `some is held still: ${orderLine(it)}`),
];

const movedLines = (what: string, done: Done): string[] => [
  `${what}: ${countOf(done)}`,
  ...(done.stillHeldBy ?? []).map((it) => `a suspension stands: ${orderLine(it)}`),
];

/** With its id, which ends it. */
export const orderLine = (order: Suspension): string =>
  `${order.id} ${matterLine(order.about)}: ${suspensionLine(order)}`;

function recordLine({
  at,
  by,
  operation,
  stage,
  about,
  recipients,
  why,
  to,
  subject,
  suspensions = [],
}: AuditRecord): string {
  const message = about.message === undefined ? '' : `, message ${about.message}`;
  const details = [
    `${matterLine(about)}${message}`,
    `${recipients} recipients`,
    subject ?? '',
    to === undefined ? '' : `to ${to}`,
    suspensions.length === 0 ? '' : suspensions.join(' '),
    why ?? '',
  ];
  const what = stage === 'begun' ? `${operation} begun` : operation;
  return `${new Date(at).toISOString()} ${by} ${what}: ${details.filter((it) => it !== '').join(', ')}`;
}
