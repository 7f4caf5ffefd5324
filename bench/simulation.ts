/**
 * `simulation`: many seeds of the deterministic simulation (`test/simulation`), and each planted bug until it is found.
 *
 * Everything that is said is of simulated worlds but the processor's time: hours pass in milliseconds. A seed that shows a
 * violation is printed, and is the same run whenever it is simulated again.
 */
import { PLANTED, type Plant } from '../test/simulation/planted.ts';
import { type Run, simulate } from '../test/simulation/simulation.ts';
import { table } from './page.ts';
import type { Finding, Say } from './rounds.ts';

const FULL_SEEDS = 1000;
const SHORT_SEEDS = 8;
/** A planted bug is to be found by then. */
const MOST_SEEDS = 1000;
const SAID_EVERY = 50;

/** What all runs come to. */
interface Sum {
  seeds: number;
  hours: number;
  messages: number;
  readonly violations: string[];
  readonly faults: Map<string, number>;
  readonly states: Set<string>;
}

async function simulateAll(seeds: number, say: Say): Promise<Sum> {
  const sum: Sum = { seeds: 0, hours: 0, messages: 0, violations: [], faults: new Map(), states: new Set() };
  for (let seed = 1; seed <= seeds; seed += 1) {
    add(sum, await simulate(seed));
    if (seed % SAID_EVERY === 0) say(`${seed} seeds, ${sum.violations.length} violations`);
  }
  return sum;
}

function add(sum: Sum, { seed, hours, messages, violations, faults, states }: Run): void {
  sum.seeds += 1;
  sum.hours += hours;
  sum.messages += messages;
  for (const it of violations) sum.violations.push(`seed ${seed}: ${it}`);
  for (const [kind, count] of faults) sum.faults.set(kind, (sum.faults.get(kind) ?? 0) + count);
  for (const it of states) sum.states.add(it);
}

/** The seed that shows it, and what was said; undefined: none does. */
async function find(plant: Plant): Promise<Run | undefined> {
  for (let seed = 1; seed <= MOST_SEEDS; seed += 1) {
    const run = await simulate(seed, plant);
    if (run.violations.length > 0) return run;
  }
  return undefined;
}

const rowOfSum = ({ seeds, hours, messages, violations, faults, states }: Sum, spent: number): string[] => [
  String(seeds),
  hours.toFixed(0),
  String(messages),
  String([...faults.values()].reduce((all, it) => all + it, 0)),
  String(states.size),
  String(violations.length),
  spent.toFixed(0),
];

const HEAD = ['seeds', 'hours', 'messages', 'faults', 'states', 'violations', 'processor s'];

const listed = (all: Iterable<string>): string => [...all].toSorted((a, b) => (a < b ? -1 : 1)).join('; ');

export async function measureSimulation(isShort: boolean, say: Say): Promise<Finding> {
  const before = process.cpuUsage();
  const sum = await simulateAll(isShort ? SHORT_SEEDS : FULL_SEEDS, say);
  const { user, system } = process.cpuUsage(before);
  const found = new Map<Plant, Run | undefined>();
  for (const plant of PLANTED) {
    found.set(plant, await find(plant));
    say(`${plant.name}: ${found.get(plant) ? 'found' : 'not found'}`);
  }
  const bugs = [...found].map(([{ name }, run]) => [name, String(run?.seed ?? '–'), run?.violations[0] ?? '–']);
  const text = [
    table(HEAD, [rowOfSum(sum, (user + system) / 1e6)]),
    table(['planted bug', 'found in seed', 'as'], bugs),
    `Faults: ${listed([...sum.faults].map(([kind, count]) => `${kind} ${count}`))}.`,
    `States: ${listed(sum.states)}.`,
  ].join('\n\n');
  const missed = [...found].flatMap(([{ name }, run]) => (run ? [] : [`${name} is not found in ${MOST_SEEDS} seeds`]));
  const about = `Seeds from 1 on, one world each; a planted bug is looked for in seeds from 1 on, up to ${MOST_SEEDS}`;
  return { text, about, faults: [...sum.violations, ...missed] };
}
