/**
 * `before`: mail a second beside what an earlier commit does, so that what came since is seen to cost what it may.
 *
 * Two Postfleets, one of each, both warm, window after window in turn, with the same mail. Ratios are the medians of what
 * windows beside each other compare, so that they stand whatever else the machine does. Asked: at most a tenth slower than
 * before mail went by sites. Needs the repository's history; the earlier packages are installed anew.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ConfigFolder } from '../test/harness/config.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { LAUNCHER, Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { median, table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { usageOf } from './usage.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The last commit before mail was sent by sites. */
const EARLIER = 'b47d0ff';

const FULL = { messages: 3000, windows: 21 };
const SHORT = { messages: 1000, windows: 3 };
const CONNECTIONS = [20, 100] as const;
const BODY_BYTES = 10_240;
const LEAST_RATIO = 0.9;

interface Window {
  readonly verdict: Verdict;
  /** Milliseconds of processor time a message. */
  readonly cpu: number;
}

interface Pair {
  readonly earlier: Window;
  readonly now: Window;
}

/** A checkout of its own, with the packages of its time. */
function checkOut(stage: Stage): string {
  const folder = stage.folder('earlier');
  const archive = execFileSync('git', ['archive', EARLIER], { cwd: ROOT, maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  execFileSync(process.execPath, ['test/setup/packages.mjs'], { cwd: folder, stdio: 'inherit' });
  return folder;
}

async function start(stage: Stage, checkout: string): Promise<Postfleet> {
  const config = await ConfigFolder.from(stage, 'bench', {}, pathToFileURL(join(checkout, 'examples/')));
  return Postfleet.start(stage, config, { launcher: join(checkout, 'postfleet') });
}

async function window(stage: Stage, fleet: Postfleet, messages: number, connections: number): Promise<Window> {
  const { submission: to, receiver: sink } = fleet.config.ports;
  const flags = ['-size', String(BODY_BYTES), '-linger', '0s', '-dkim'];
  const before = usageOf(fleet.program.pid).cpu;
  const verdict = await Mailbench.start(stage, { to, sink, messages, connections, flags }).verdict();
  return { verdict, cpu: ((usageOf(fleet.program.pid).cpu - before) * 1000) / messages };
}

/** The first pair is not counted: what runs for the first time is slow. */
const measure = (checkout: string, { messages, windows }: typeof FULL, connections: number): Promise<Pair[]> =>
  onStage(async (stage) => {
    const [then, today] = [await start(stage, checkout), await start(stage, join(LAUNCHER, '..'))];
    const pairs: Pair[] = [];
    for (let at = 0; at <= windows; at += 1) {
      const order = at % 2 === 0 ? [then, today] : [today, then];
      const both = new Map<Postfleet, Window>();
      for (const fleet of order) both.set(fleet, await window(stage, fleet, messages, connections));
      const [earlier, now] = [both.get(then), both.get(today)];
      if (at > 0 && earlier && now) pairs.push({ earlier, now });
    }
    return pairs;
  });

type Figure = (it: Window) => number;
const rate: Figure = (it) => it.verdict.deliverPerSecond;
const cpu: Figure = (it) => it.cpu;

const ratioOf = (pairs: readonly Pair[], figure: Figure): number =>
  median(pairs.map(({ earlier, now }) => figure(now) / figure(earlier)));

const rowsOf = (connections: number, pairs: readonly Pair[]): string[][] =>
  (
    [
      ['messages/s', rate, 0],
      ['CPU ms a message', cpu, 2],
    ] as const
  ).map(([what, figure, digits]) => [
    what,
    String(connections),
    median(pairs.map((it) => figure(it.earlier))).toFixed(digits),
    median(pairs.map((it) => figure(it.now))).toFixed(digits),
    `${ratioOf(pairs, figure).toFixed(2)} ×`,
  ]);

function faultsIn(connections: number, pairs: readonly Pair[], isShort: boolean): string[] {
  const unclean = pairs
    .flatMap((it) => [it.earlier.verdict, it.now.verdict])
    .filter((it) => it.lost + it.duplicates > 0);
  const ratio = ratioOf(pairs, rate);
  const isSlow = !isShort && ratio < LEAST_RATIO;
  return [
    ...unclean.map((it) => JSON.stringify(it)),
    ...(isSlow ? [`${connections} connections: ${ratio.toFixed(2)} of the earlier rate, not ${LEAST_RATIO}`] : []),
  ];
}

export async function measureBefore(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const form = isShort ? SHORT : FULL;
  return onStage(async (stage) => {
    const checkout = checkOut(stage);
    const [rows, faults]: [string[][], string[]] = [[], []];
    for (const connections of CONNECTIONS) {
      const pairs = await measure(checkout, form, connections);
      rows.push(...rowsOf(connections, pairs));
      faults.push(...faultsIn(connections, pairs, isShort));
      say(`${connections} connections: ${ratioOf(pairs, rate).toFixed(2)} of the earlier rate`);
    }
    const text = table(['what', 'connections', `at ${EARLIER}`, 'now', 'ratio'], rows);
    const about = `Medians of ${form.windows} windows of ${form.messages} signed messages of 10 KB each, in turn, of two warm processes`;
    return { text, about, faults };
  });
}
