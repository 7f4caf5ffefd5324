/**
 * One run of one seed: a world in which chance does its worst for a while, then leaves everybody in peace, until all mail has
 * ended and the machine is asked to end; what was found to be wrong, and what was seen on the way.
 */
import { hours, minutes } from '#lib/run/clock.ts';
import type { Machine } from './machine.ts';
import { checkLedger } from './ledger-check.ts';
import { NO_PLANT, type Plant } from './planted.ts';
import { apply, someWeights, takeStep } from './steps.ts';
import { World } from './world.ts';

export interface Run {
  readonly seed: number;
  /** Of everything that happened: the same for the same seed. */
  readonly hash: string;
  readonly violations: readonly string[];
  /** Hours that passed in the simulated world. */
  readonly hours: number;
  readonly messages: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly states: ReadonlySet<string>;
  /** What happened last, for whoever looks at a failure. */
  readonly lines: readonly string[];
}

/** Mail lives for an hour at most, and reports of it for another. */
const PATIENCE = hours(8);
const STEPS_AT_LEAST = 15;
const STEPS_AT_MOST = 60;

export async function simulate(seed: number, plant: Plant = NO_PLANT): Promise<Run> {
  const world = new World(seed, plant);
  // It would end a process.
  const unhandled = (thrown: unknown): void => world.judge.violate(`nobody handles ${stackOf(thrown)}`);
  process.on('unhandledRejection', unhandled);
  try {
    return await run(seed, world);
  } finally {
    process.off('unhandledRejection', unhandled);
  }
}

const stackOf = (thrown: unknown): string => (thrown instanceof Error ? String(thrown.stack) : String(thrown));

async function run(seed: number, world: World): Promise<Run> {
  const { judge, trace, clock } = world;
  world.begin();
  const weights = someWeights(world);
  const steps = world.chance.within(STEPS_AT_LEAST, STEPS_AT_MOST);
  for (let step = 0; step < steps && judge.violations.length === 0; step += 1) await takeStep(world, weights);
  if (judge.violations.length === 0) await settle(world);
  if (judge.violations.length === 0) await end(world);
  if (judge.violations.length === 0) checkLedger(world.disk, judge);
  const { faults, states, lines } = trace;
  const passed = clock.monotonic() / hours(1);
  return {
    seed,
    hash: trace.digest(),
    violations: judge.violations,
    hours: passed,
    messages: judge.offered.size,
    faults,
    states,
    lines,
  };
}

/** Receivers take what they are given, the disk works, and what was held is let go: everything ends. */
async function settle(world: World): Promise<void> {
  world.trace.note('peace');
  for (const site of world.sites) site.temper = 'takes';
  world.disk.fall('none');
  // What was handed in just now is there, or is not.
  await world.pass(minutes(1));
  const isEmpty = (): boolean => world.disk.ask('SELECT 1 FROM message LIMIT 1').length === 0;
  const until = world.clock.monotonic() + PATIENCE;
  while (!isEmpty() && world.clock.monotonic() < until && world.judge.violations.length === 0) {
    apply(world, {}, { kind: 'resume' });
    await world.until(isEmpty, minutes(5));
  }
  if (isEmpty() || world.judge.violations.length > 0) return;
  const left = world.disk.ask('SELECT e.*, m.id FROM message m LEFT JOIN entry e ON m.no = (e.no >> 12) LIMIT 3');
  world.judge.violate(`mail that never ends: ${JSON.stringify(left)}`);
}

/** A machine that has ended leaves nothing behind: no lease, no connection, no timer. */
async function end(world: World): Promise<void> {
  const isUp = await world.until(() => world.machine?.queue !== undefined, minutes(5));
  if (!isUp) return world.judge.violate('no machine comes up');
  let ended: Machine | undefined;
  const leased = world.machine?.sqlite?.leasedBytes;
  world.over();
  void world.stop((machine) => (ended = machine));
  await world.until(() => ended !== undefined, minutes(20));
  if (!ended) return world.judge.violate('a machine does not end');
  if (leased !== 0) world.judge.violate(`${leased} bytes are leased and nothing is there`);
  if (ended.network.sockets > 0) world.judge.violate(`${ended.network.sockets} connections are open after the end`);
  if (ended.clock.timers > 0) world.judge.violate(`${ended.clock.timers} timers are set after the end`);
}
