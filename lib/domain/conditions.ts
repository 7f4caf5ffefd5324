/**
 * What a look at a domain comes to: the conditions of a `SendingDomain`, each with a reason and a sentence. Pure.
 *
 * `Verified` is latched and says whether the domain may send. The others say what DNS says now, and `Ready` is all of
 * them together: a domain that is verified and not ready goes on sending.
 */
import type { DomainReport } from './check.ts';
import type { RecordReport, RecordState } from './records.ts';

export interface Condition {
  readonly type: 'Ready' | 'Verified' | 'DKIMReady' | 'SPFReady' | 'DMARCReady' | 'ReturnPathReady';
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word. */
  readonly reason: string;
  readonly message: string;
}

/** How the domain stands apart from what DNS says now. */
export type Standing = 'verified' | 'unverified' | 'excused' | 'claimed-by-another';

const PURPOSES = { DKIMReady: 'DKIM', SPFReady: 'SPF', DMARCReady: 'DMARC', ReturnPathReady: 'ReturnPath' } as const;

export function conditionsOf(
  standing: Standing,
  { records, misaligned }: Pick<DomainReport, 'records' | 'misaligned'>,
): Condition[] {
  const each = Object.entries(PURPOSES).map(([type, purpose]) =>
    conditionOf(
      type as keyof typeof PURPOSES,
      records.filter((it) => it.purpose === purpose),
    ),
  );
  const parts = [verifiedCondition(standing, records), ...each.map((it) => withAlignment(it, misaligned))];
  return [ready(parts), ...parts];
}

const WORST: readonly RecordState[] = ['Differs', 'Missing', 'Unknown'];

function conditionOf(type: Condition['type'], records: readonly RecordReport[]): Condition {
  const [worst] = WORST.flatMap((state) => records.filter((it) => it.state === state));
  if (records.length === 0) return { type, status: 'Unknown', reason: 'NoKey', message: 'there is no key yet' };
  if (!worst) return { type, status: 'True', reason: 'Present', message: '' };
  const status = worst.state === 'Unknown' ? 'Unknown' : 'False';
  return { type, status, reason: worst.state, message: `${worst.type} ${worst.name}: ${worst.difference}` };
}

const withAlignment = (condition: Condition, misaligned: string): Condition =>
  condition.type === 'ReturnPathReady' && condition.status === 'True' && misaligned !== ''
    ? { ...condition, status: 'False', reason: 'NotAligned', message: misaligned }
    : condition;

const VERIFIED: Readonly<Record<Standing, Omit<Condition, 'type' | 'message'>>> = {
  verified: { status: 'True', reason: 'KeySeen' },
  unverified: { status: 'False', reason: 'KeyNotSeen' },
  excused: { status: 'True', reason: 'Skipped' },
  'claimed-by-another': { status: 'False', reason: 'DomainClaimed' },
};

function verifiedCondition(standing: Standing, records: readonly RecordReport[]): Condition {
  const isAbsent = records.every((it) => it.purpose !== 'DKIM' || it.state !== 'Present');
  const message =
    standing === 'verified' && isAbsent ? 'it stays so for 24 hours of definite answers without its key' : '';
  return { type: 'Verified', ...VERIFIED[standing], message };
}

function ready(parts: readonly Condition[]): Condition {
  const worst = parts.find((it) => it.status === 'False') ?? parts.find((it) => it.status === 'Unknown');
  if (!worst) return { type: 'Ready', status: 'True', reason: 'Ready', message: '' };
  const { status, reason, message, type } = worst;
  return { type: 'Ready', status, reason, message: message === '' ? `${type}: ${reason}` : message };
}
