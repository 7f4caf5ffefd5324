/**
 * How a domain stands, as people and programs are told: its conditions, and every record with what to change. Pure.
 */
import type { Instant } from '#lib/run/clock.ts';
import type { DomainReport } from './check.ts';
import { type Condition, conditionsOf, type Standing } from './conditions.ts';
import { type DomainNeeds, keyName, type RecordReport } from './records.ts';

export interface DomainStatus {
  /** The resource: `namespace/name`. */
  readonly resource: string;
  readonly domain: string;
  readonly standing: Standing;
  readonly verifiedAt?: Instant;
  /** When DNS was asked last; absent before the first time. */
  readonly checkedAt?: Instant;
  readonly conditions: readonly Condition[];
  readonly records: readonly RecordReport[];
}

/** Whether mail may be sent as the domain. */
export const maySend = ({ standing }: Pick<DomainStatus, 'standing'>): boolean =>
  standing === 'verified' || standing === 'excused';

/** What is known before DNS has been asked: the keys to publish. */
export const unseen = (needs: DomainNeeds): Pick<DomainReport, 'records' | 'misaligned'> => ({
  misaligned: '',
  records: needs.keys.map((key) => ({
    purpose: 'DKIM',
    type: 'TXT',
    name: keyName(key, needs.domain),
    expected: [key.record],
    found: [],
    difference: 'DNS has not been asked yet',
    state: 'Unknown',
  })),
});

export function statusOf(
  base: Omit<DomainStatus, 'conditions' | 'records'>,
  report: Pick<DomainReport, 'records' | 'misaligned'>,
): DomainStatus {
  return { ...base, conditions: conditionsOf(base.standing, report), records: report.records };
}

const LONGEST_VALUE = 100;
/** Keys of one size begin alike, and end with their exponent. */
const SHOWN_ENDS = [60, 24] as const;

/** The record that would prove the domain: `TXT name value`, a long value without its middle. Fit for a line of ASCII. */
export function proofToPublish({ records }: Pick<DomainStatus, 'records'>): string | undefined {
  const keys = records.filter((it) => it.purpose === 'DKIM');
  const [record] = [...keys.filter((it) => it.state !== 'Present'), ...keys];
  return record && `${record.type} ${record.name} ${shortened(record.expected.join(' '))}`;
}

const shortened = (value: string): string =>
  value.length > LONGEST_VALUE ? `${value.slice(0, SHOWN_ENDS[0])}...${value.slice(-SHOWN_ENDS[1])}` : value;
