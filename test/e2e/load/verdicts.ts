/**
 * What came of each phase, for people, and what of it is wrong. Pure.
 */
import type { PhaseCounts, Verdict } from '../../harness/mailbench.ts';

export interface Row extends PhaseCounts {
  readonly name: string;
  /** What was in doubt when something ended without a word may come twice; else nothing. */
  readonly doubles: 'in doubt' | 'none';
}

/** What is told to whoever publishes it. */
export interface Told {
  readonly rows: readonly Row[];
  readonly verdict: Verdict;
  /** Handed in a second. */
  readonly rate: number;
}

export interface Asked {
  readonly messages: number;
  readonly rate: number;
  /** Of all mail, in hundredths, by address and name. */
  readonly shares: ReadonlyMap<string, number>;
}

/** In hundredths of all mail. */
const TOLERANCE = 5;

type Named = Pick<Row, 'name' | 'doubles'>;

export function told(phases: readonly Named[], verdict: Verdict): Told {
  const { phases: counts = [] } = verdict;
  const rows = phases.flatMap(({ name, doubles }, at) => (counts[at] ? { ...counts[at], name, doubles } : []));
  const seconds = rows.reduce((sum, it) => sum + it.seconds, 0);
  const all = rows.reduce((sum, { accepted, refused, unknown }) => sum + accepted + refused + unknown, 0);
  return { rows, verdict, rate: all / seconds };
}

export function faultsOf({ rows, verdict, rate }: Told, asked: Asked): string[] {
  return [
    ...rows.flatMap(faultOf),
    ...(verdict.accepted < asked.messages ? [`${verdict.accepted} accepted, fewer than ${asked.messages}`] : []),
    ...(rate < asked.rate ? [`${rate.toFixed(1)} handed in a second, fewer than ${asked.rate}`] : []),
    ...shareFaults(verdict, asked.shares),
  ];
}

function faultOf({ name, doubles, lost, duplicates, inDoubt, unsigned }: Row): string[] {
  const bound = doubles === 'in doubt' ? inDoubt : 0;
  if (lost === 0 && unsigned === 0 && duplicates <= bound) return [];
  return [`${name}: ${lost} lost, ${unsigned} unsigned, ${duplicates} doubled of ${bound} that may be`];
}

function shareFaults({ sources, delivered }: Verdict, asked: Asked['shares']): string[] {
  const seen = new Map(sources.map(({ ip, ehlo, delivered: of }) => [`${ip} ${ehlo}`, (100 * of) / delivered]));
  const strangers = [...seen.keys()].filter((it) => !asked.has(it)).map((it) => `mail came from ${it}`);
  const off = [...asked].flatMap(([who, share]) => {
    const is = seen.get(who) ?? 0;
    return Math.abs(is - share) > TOLERANCE ? [`${is.toFixed(1)} % came from ${who}, not ${share} %`] : [];
  });
  return [...strangers, ...off];
}

export const HEAD = ['done', 'seconds', 'accepted', 'put off', 'no reply', 'lost', 'doubled', 'in doubt', 'unsigned'];

export const cellsOf = (row: Row): string[] => {
  const { seconds, accepted, refused, unknown, lost, duplicates, inDoubt, unsigned } = row;
  const counts = [Math.round(seconds), accepted, refused, unknown, lost, duplicates, inDoubt, unsigned];
  return [row.name, ...counts.map(String)];
};
