/**
 * `soak`: half an hour (short: three minutes) at 70 % of what the machine can do; what is alive must not grow.
 *
 * Heap after a full collection, memory outside of it, descriptors, sockets and timers are looked at again and again; a
 * straight line through each says how it grows. Everything must be delivered once, too.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigFolder } from '../test/harness/config.ts';
import { Inspector } from '../test/harness/inspector.ts';
import { Mailbench, type Verdict } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import { needMailbench } from '../test/setup/tools.ts';
import { table } from './page.ts';
import { type Finding, onStage, type Say } from './rounds.ts';
import { slopeOf } from './slope.ts';

const FULL = { seconds: 1800, every: 30 };
const SHORT = { seconds: 180, every: 10 };
/** Before the first look: code is compiled, caches fill. */
const SETTLING_SECONDS = 30;
const SHARE = 0.7;
const CONNECTIONS = 20;
const TRIAL = 6000;
const PLENTY = 100_000_000;

/** What is looked at, and how much more of it there may be at the end than at the beginning, by the line. */
const QUANTITIES = {
  heapMB: { what: 'heap after a collection, MB', most: 8 },
  outsideMB: { what: 'buffers outside of the heap, MB', most: 16 },
  // As many connections as mail needs at the moment: at most 60. One that is left behind now and then is many in the end.
  descriptors: { what: 'descriptors', most: 30 },
  sockets: { what: 'sockets', most: 30 },
  timers: { what: 'timers', most: 10 },
} as const;
type Quantity = keyof typeof QUANTITIES;
const ALL = Object.keys(QUANTITIES) as Quantity[];

type Look = Readonly<Record<Quantity | 'seconds', number>>;

interface Soaked {
  readonly rate: number;
  readonly looks: readonly Look[];
  readonly verdict: Verdict;
}

const soak = ({ seconds, every }: typeof FULL, say: Say): Promise<Soaked> =>
  onStage(async (stage) => {
    const config = await ConfigFolder.from(stage, 'bench');
    const { submission: to, receiver: sink } = config.ports;
    const fleet = await Postfleet.start(stage, config);
    const start = (messages: number, ...flags: readonly string[]): Mailbench =>
      Mailbench.start(stage, { to, sink, messages, connections: CONNECTIONS, flags: ['-dkim', ...flags] });
    const trial = await start(TRIAL).verdict();
    const rate = Math.round(SHARE * trial.deliverPerSecond);
    say(`${Math.round(trial.deliverPerSecond)}/s at full load, ${rate}/s from here on`);
    const load = start(PLENTY, '-rate', String(rate));
    await pause(SETTLING_SECONDS * 1000);
    const looks = await look(fleet, seconds, every, say);
    load.enough();
    const verdict = await load.verdict();
    await fleet.stop();
    return { rate, looks, verdict };
  });

async function look({ program }: Postfleet, seconds: number, every: number, say: Say): Promise<Look[]> {
  const inspector = await Inspector.open(program);
  const looks: Look[] = [];
  const began = performance.now();
  for (let next = 0; next <= seconds; next += every) {
    await pause(Math.max(0, began + next * 1000 - performance.now()));
    const seen = { seconds: next, ...(await seeInside(inspector)), ...descriptorsOf(program.pid) };
    say(ALL.map((it) => `${QUANTITIES[it].what} ${seen[it].toFixed(0)}`).join(', '));
    looks.push(seen);
  }
  inspector.close();
  return looks;
}

async function seeInside(inspector: Inspector): Promise<Record<'heapMB' | 'outsideMB' | 'timers', number>> {
  const heapMB = (await inspector.heapBytes()) / 1e6;
  const outsideMB = Number(await inspector.evaluate('process.memoryUsage().external')) / 1e6;
  const timers = Number(
    await inspector.evaluate("process.getActiveResourcesInfo().filter((it) => it === 'Timeout').length"),
  );
  return { heapMB, outsideMB, timers };
}

function descriptorsOf(pid: number): Record<'descriptors' | 'sockets', number> {
  const targets = readdirSync(`/proc/${pid}/fd`).map((it) => targetOf(`/proc/${pid}/fd/${it}`));
  return { descriptors: targets.length, sockets: targets.filter((it) => it.startsWith('socket:')).length };
}

/** '' when it was closed meanwhile. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** By how much a quantity has grown from first to last, by the line through all. */
const growthOf = (quantity: Quantity, looks: readonly Look[]): number =>
  slopeOf(looks.map((it) => [it.seconds, it[quantity]])) * (looks.at(-1)?.seconds ?? 0);

const rowOf = (quantity: Quantity, looks: readonly Look[]): string[] => {
  const values = looks.map((it) => it[quantity]);
  const perHour = slopeOf(looks.map((it) => [it.seconds, it[quantity]])) * 3600;
  const { what, most } = QUANTITIES[quantity];
  return [
    what,
    ...[values[0] ?? 0, Math.max(...values), values.at(-1) ?? 0, growthOf(quantity, looks)].map((it) => it.toFixed(1)),
    String(most),
    perHour.toFixed(1),
  ];
};

const HEAD = ['quantity', 'first', 'most', 'last', 'growth by the line', 'allowed', 'an hour'];

export async function measureSoak(isShort: boolean, say: Say): Promise<Finding> {
  await needMailbench();
  const form = isShort ? SHORT : FULL;
  const { rate, looks, verdict } = await soak(form, say);
  const grown = ALL.filter((it) => growthOf(it, looks) > QUANTITIES[it].most);
  const { lost, duplicates, refused, unsigned = 0 } = verdict;
  const faults = [
    ...grown.map((it) => `${QUANTITIES[it].what}: grows by ${growthOf(it, looks).toFixed(1)}`),
    ...(lost + duplicates + refused + unsigned > 0 ? [`mail went wrong: ${JSON.stringify(verdict)}`] : []),
  ];
  const about = `${form.seconds / 60} minutes at ${rate} messages/s, ${SHARE * 100} % of the rate at full load;\n${verdict.unique} messages delivered, ${lost} lost, ${duplicates} doubled`;
  return {
    text: table(
      HEAD,
      ALL.map((it) => rowOf(it, looks)),
    ),
    about,
    faults,
  };
}
