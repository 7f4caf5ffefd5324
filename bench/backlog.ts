/**
 * `backlog`: what a large queue costs: a million messages over 10,000 domains and 20 tenants, half of them deferred.
 *
 * Two Postfleets, one with the backlog and one with a thousand messages, are measured in turn while the other stands
 * still: taking mail, delivering what is due, and both. The one with the backlog is killed before, in the middle of
 * delivering, and has to be there again within seconds. Asked: start ≤ 5 s, memory ≤ 400 MB, rates ≥ 90 % of the small
 * one's, nothing lost, doubled beyond doubt, or unsigned.
 */
import { Backlogged, type Rates, type Start } from './backlogged.ts';
import { inMegabytes, median, table } from './page.ts';
import { type Finding, inTurn, onStage, type Say } from './rounds.ts';
import type { Backlog } from './seeding.ts';
import { needMailbench } from '../test/setup/tools.ts';

interface Form {
  readonly large: Backlog;
  readonly small: Backlog;
  readonly kills: number;
  readonly rounds: number;
  /** New messages a window. */
  readonly window: number;
  /** Seconds of taking and delivering at the end, during which memory may grow. */
  readonly soak: number;
  /** Milliseconds. In short times are not judged: it is made where others run. */
  readonly mostStart: number;
  /** Of the small one's rate. */
  readonly leastRatio: number;
}

const FULL: Form = {
  large: { messages: 1_000_000, domains: 10_000, tenants: 20 },
  small: { messages: 1000, domains: 10_000, tenants: 20 },
  kills: 3,
  rounds: 5,
  window: 3000,
  soak: 120,
  mostStart: 5000,
  leastRatio: 0.9,
};

const SHORT: Form = {
  large: { messages: 50_000, domains: 500, tenants: 20 },
  small: { messages: 1000, domains: 500, tenants: 20 },
  kills: 1,
  rounds: 1,
  window: 1000,
  soak: 0,
  mostStart: Infinity,
  leastRatio: 0,
};

const MOST_MEMORY = 400e6;

/** One turn: taking alone, delivering alone, both at once. */
interface Windows {
  readonly fleet: Backlogged;
  readonly alone: Rates;
  readonly both: Rates;
}

interface Measured {
  readonly starts: readonly Start[];
  readonly runs: readonly Windows[];
  readonly large: Backlogged;
  readonly small: Backlogged;
  readonly peakMemory: Readonly<Record<'large' | 'small', number>>;
  readonly wrong: readonly string[];
}

async function measureWindows(fleet: Backlogged, messages: number): Promise<Windows> {
  const accepted = await fleet.accept(messages);
  const delivered = await fleet.deliver(messages);
  const both = await fleet.both(messages);
  await fleet.pause();
  return { fleet, alone: { accepted, delivered }, both };
}

async function killAndStart(fleet: Backlogged, times: number, say: Say): Promise<Start[]> {
  const starts: Start[] = [];
  for (let kill = 1; kill <= times; kill += 1) {
    await fleet.kill();
    const start = await fleet.start();
    say(`start after SIGKILL ${kill}: takes mail after ${start.listening} ms, delivers after ${start.delivering} ms`);
    starts.push(start);
  }
  return starts;
}

async function measure(form: Form, say: Say): Promise<Measured> {
  return onStage(async (stage) => {
    const small = await Backlogged.fill(stage, form.small);
    const large = await Backlogged.fill(stage, form.large);
    const { queued, deferred, lanes } = large.seeded;
    say(`${queued} messages in ${lanes} lanes, ${deferred} of them deferred`);
    await large.start();
    const starts = await killAndStart(large, form.kills, say);
    await large.pause();
    await small.start();
    await small.pause();
    // What runs for the first time is slow in both.
    await inTurn(1, [small, large], (fleet) => measureWindows(fleet, form.window));
    const runs = await inTurn(form.rounds, [small, large], async (fleet, round) => {
      const run = await measureWindows(fleet, form.window);
      say(`round ${round}, ${fleet.seeded.queued} queued: ${describe(run.alone)}; at once ${describe(run.both)}`);
      return run;
    });
    if (form.soak > 0) await soak(large, runs, form.soak, say);
    const peakMemory = { large: large.peakMemory, small: small.peakMemory };
    const wrong = [...(await small.audit()), ...(await large.audit())];
    return { starts, runs, large, small, peakMemory, wrong };
  });
}

async function soak(large: Backlogged, runs: readonly Windows[], seconds: number, say: Say): Promise<void> {
  const rate = median(runs.filter((it) => it.fleet === large).map((it) => it.both.accepted));
  large.goOn();
  say(`for ${seconds} s: ${describe(await large.both(Math.round(rate * seconds)))}`);
}

const describe = ({ accepted, delivered }: Rates): string =>
  `${accepted.toFixed(0)}/s accepted, ${delivered.toFixed(0)}/s delivered`;

const WINDOWS: readonly (readonly [string, (run: Windows) => number])[] = [
  ['accepted/s, nothing leaves', (it) => it.alone.accepted],
  ['delivered/s, nothing comes', (it) => it.alone.delivered],
  ['accepted/s, at once', (it) => it.both.accepted],
  ['delivered/s, at once', (it) => it.both.delivered],
  ['both, at once', (it) => it.both.accepted + it.both.delivered],
];
/** At once they share two cores, and who has a backlog always has something to deliver: only the sum compares. */
const COMPARED = new Set(['accepted/s, nothing leaves', 'delivered/s, nothing comes', 'both, at once']);

interface Row {
  readonly what: string;
  readonly small: number;
  readonly large: number;
}

const rowsOf = ({ runs, small, large }: Measured): Row[] =>
  WINDOWS.map(([what, rate]) => {
    const of = (whose: Backlogged): number => median(runs.filter((it) => it.fleet === whose).map(rate));
    return { what, small: of(small), large: of(large) };
  });

function faultsIn(measured: Measured, { mostStart, leastRatio }: Form): string[] {
  const { starts, peakMemory, wrong } = measured;
  const slowest = Math.max(...starts.map((it) => it.listening));
  const slow = rowsOf(measured).filter((it) => COMPARED.has(it.what) && it.large < it.small * leastRatio);
  return [
    ...wrong,
    ...(slowest > mostStart ? [`started after ${slowest} ms, not ${mostStart}`] : []),
    ...(peakMemory.large > MOST_MEMORY ? [`${inMegabytes(peakMemory.large)} MB of memory, not 400`] : []),
    ...slow.map(
      ({ what, small, large }) => `${what}: ${(large / small).toFixed(2)} of the small one's, not ${leastRatio}`,
    ),
  ];
}

function textOf(measured: Measured): string {
  const { starts, peakMemory, small, large } = measured;
  const most = (time: (start: Start) => number): string => String(Math.max(...starts.map(time)));
  const head = ['what', `${small.seeded.queued} queued`, `${large.seeded.queued} queued`, 'ratio'];
  const rates = rowsOf(measured).map((it) => [
    it.what,
    it.small.toFixed(0),
    it.large.toFixed(0),
    (it.large / it.small).toFixed(2),
  ]);
  return table(head, [
    ['start after SIGKILL to taking mail, ms, the slowest', '', most((it) => it.listening), ''],
    ['start after SIGKILL to the first delivery, ms, the slowest', '', most((it) => it.delivering), ''],
    ['peak memory MB', inMegabytes(peakMemory.small), inMegabytes(peakMemory.large), ''],
    ...rates,
  ]);
}

export async function measureBacklog(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const form = isShort ? SHORT : FULL;
  const measured = await measure(form, say);
  const { domains, tenants } = form.large;
  const about = `Messages of 2 KB
over ${domains} domains and ${tenants} tenants, half of them deferred. Rates are medians of ${form.rounds} windows of ${form.window} messages, in turn,
with 20 connections; memory is after ${form.kills} kills and ${form.soak} s of taking and delivering`;
  return { text: textOf(measured), about, faults: faultsIn(measured, form) };
}
