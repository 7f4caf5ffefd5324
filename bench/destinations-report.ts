/**
 * What `destinations` makes of its figures. Asked: mail for many destinations goes at 60 % of the rate of mail for one, what each of
 * them has put off leaves at half of the rate of what one has put off; nothing is lost, doubled or unsigned.
 */
import type { Drain } from './drain.ts';
import { inMegabytes, table } from './page.ts';
import { whatIsSo } from './rounds.ts';

export interface Form {
  readonly domains: number;
  /** Messages a destination, on average. */
  readonly each: number;
  /** Messages to one destination. */
  readonly alone: number;
  /** That one destination puts off. */
  readonly few: number;
  /** In short rates are not judged: it is made where others run. */
  readonly isJudged: boolean;
}

export interface Run {
  readonly perSecond: number;
  /** Bytes, the most that the worker has had when it has sent them. */
  readonly memory: number;
  readonly wrong: number;
}

export interface Measured {
  readonly before: Run;
  readonly many: Run;
  readonly after: Run;
  readonly few: Drain;
  readonly drain: Drain;
  /** Bytes, the most that the worker had. */
  readonly peak: number;
}

const LEAST_RATE = 0.6;
const LEAST_DRAIN = 0.5;

const aloneOf = ({ before, after }: Measured): number => (before.perSecond + after.perSecond) / 2;

export function faultsOf(measured: Measured, { isJudged }: Form): string[] {
  const { before, many, after, few, drain } = measured;
  const wrong = [before, many, after].reduce((sum, it) => sum + it.wrong, 0);
  const doubled = [few, drain].reduce((sum, { counts }) => sum + counts.delivered - counts.unique + counts.unsigned, 0);
  const slow = whatIsSo([
    [many.perSecond < LEAST_RATE * aloneOf(measured), 'many destinations have less than 60 % of the rate of one'],
    [drain.perSecond < LEAST_DRAIN * few.perSecond, 'what was put off leaves at less than half of the normal rate'],
  ]);
  const always = whatIsSo([
    [wrong > 0, `${wrong} lost, doubled, refused, unanswered or unsigned`],
    [doubled > 0, `${doubled} that were put off came twice or unsigned`],
  ]);
  return [...always, ...(isJudged ? slow : [])];
}

export function reportOf(measured: Measured, { domains }: Form): string {
  const { before, many, few, drain, peak } = measured;
  const cells = (what: string, one: number, other: number): string[] => [
    what,
    String(Math.round(one)),
    String(Math.round(other)),
    (other / one).toFixed(2),
  ];
  return table(
    ['', 'one destination', `${domains} destinations`, 'ratio'],
    [
      cells('messages/s', aloneOf(measured), many.perSecond),
      cells('messages/s of what was put off once', few.perSecond, drain.perSecond),
      ['peak MB of the worker when they are sent', inMegabytes(before.memory), inMegabytes(many.memory), ''],
      ['peak MB of the worker when those have left', '', inMegabytes(peak), ''],
    ],
  );
}
