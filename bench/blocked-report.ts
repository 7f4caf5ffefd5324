/**
 * What `blocked` makes of its figures. Asked: while a million wait for one site the rate and the p99 of others change by less than
 * a tenth, the drain has 80 % of that of few, neither process has more than 500 MB; nothing is lost, doubled or unsigned.
 */
import type { Drain } from './drain.ts';
import { inMegabytes, median, table } from './page.ts';
import { whatIsSo } from './rounds.ts';

export interface Form {
  readonly waiting: number;
  /** For the site with which the drain is compared. */
  readonly few: number;
  readonly rounds: number;
  /** Messages a window, as fast as they go; and at `PACE` a second. */
  readonly fast: number;
  readonly paced: number;
  /** In short rates are not judged: it is made where others run. */
  readonly isJudged: boolean;
}

export interface Window {
  readonly perSecond: number;
  readonly p99ms: number;
  readonly wrong: number;
}

export interface Measured {
  readonly before: readonly Window[];
  readonly beside: readonly Window[];
  readonly after: readonly Window[];
  readonly few: Drain;
  readonly many: Drain;
  /** Bytes, of the ingress and of the worker. */
  readonly peaks: readonly number[];
}

/** Messages a second at which the p99 is taken. */
export const PACE = 200;
const LEAST_CHANGE = 0.9;
const MOST_CHANGE = 1.1;
const LEAST_DRAIN = 0.8;
const MOST_MEMORY = 500e6;

const middle = (windows: readonly Window[], of: (window: Window) => number): number => median(windows.map(of));

/** What others have while they wait, to what they have before and after. */
function changeOf({ before, beside, after }: Measured, of: (window: Window) => number): number {
  return middle(beside, of) / middle([...before, ...after], of);
}

const rate = (it: Window): number => it.perSecond;
const p99 = (it: Window): number => it.p99ms;

export function faultsOf(measured: Measured, { isJudged }: Form): string[] {
  const { before, beside, after, few, many, peaks } = measured;
  const wrong = [...before, ...beside, ...after].reduce((sum, it) => sum + it.wrong, 0);
  const doubled = [few, many].reduce((sum, { counts }) => sum + counts.delivered - counts.unique + counts.unsigned, 0);
  const slow = whatIsSo([
    [changeOf(measured, rate) < LEAST_CHANGE, 'the rate of others has fallen by more than a tenth'],
    [changeOf(measured, p99) > MOST_CHANGE, 'the p99 of others has grown by more than a tenth'],
    [many.perSecond < LEAST_DRAIN * few.perSecond, 'they leave slower than 80 % of the normal rate'],
  ]);
  const always = whatIsSo([
    [wrong > 0, `${wrong} of others lost, doubled, refused, unanswered or unsigned`],
    [doubled > 0, `${doubled} that had waited came twice or unsigned`],
    [Math.max(...peaks) > MOST_MEMORY, `a process had ${inMegabytes(Math.max(...peaks))} MB`],
  ]);
  return [...always, ...(isJudged ? slow : [])];
}

function rowsOf(measured: Measured): string[][] {
  const { before, beside, after, few, many, peaks } = measured;
  const both = [...before, ...after];
  const ratio = (value: number): string => value.toFixed(2);
  const mb = peaks.map(inMegabytes).join(', ');
  const cells = (what: string, one: number, other: number, change: number): string[] => [
    what,
    String(Math.round(one)),
    String(Math.round(other)),
    ratio(change),
  ];
  return [
    cells('messages/s of others', middle(both, rate), middle(beside, rate), changeOf(measured, rate)),
    cells(`p99 ms of others at ${PACE}/s`, middle(both, p99), middle(beside, p99), changeOf(measured, p99)),
    cells('drain, messages/s', few.perSecond, many.perSecond, many.perSecond / few.perSecond),
    ['peak MB of ingress, worker', '', mb, ''],
  ];
}

export const reportOf = (measured: Measured, { few, waiting }: Form): string =>
  table(['', `none or ${few} wait`, `${waiting} wait`, 'ratio'], rowsOf(measured));
