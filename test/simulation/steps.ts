/**
 * What may happen in a simulated world, each with how likely it is: a run is steps that chance chooses, and time in between.
 */
import { type Duration, minutes, seconds } from '#lib/run/clock.ts';
import type { Message } from '#mta/mail/message.ts';
import type { Move, Selection } from '#mta/queue/queue.ts';
import { SITES, TENANTS } from './declared.ts';
import { TEMPERS } from './tempers.ts';
import type { World } from './world.ts';

export type StepName =
  | 'hand in'
  | 'flood'
  | 'temper'
  | 'crash'
  | 'thread dies'
  | 'stop'
  | 'disk'
  | 'dns'
  | 'cancel'
  | 'move'
  | 'order';

/** Messages of whoever floods, and of whoever comes after. */
const FLOOD = 70;
const FEW = 5;

const STEPS: Readonly<Record<StepName, (world: World) => void>> = {
  'hand in': (world) => {
    for (let left = world.chance.within(1, 6); left > 0; left -= 1) world.hand(world.mail.make());
  },
  flood: (world) => {
    const tenant = world.chance.pick(TENANTS);
    const other = world.chance.pick(TENANTS.filter((it) => it !== tenant));
    const domain = world.chance.pick(['narrow.test', 'narrow.test', 'paced.test']);
    world.trace.note(`${tenant} floods ${domain}`);
    for (let at = 0; at < FLOOD; at += 1) world.hand(world.mail.make({ tenant, domain }));
    for (let at = 0; at < FEW; at += 1) world.hand(world.mail.make({ domain, ...(other && { tenant: other }) }));
  },
  temper: (world) => {
    const site = world.chance.pick(world.sites);
    if (!site) return;
    site.temper = world.chance.is(0.3) ? 'takes' : world.chance.pick(TEMPERS);
    world.fairness.forget();
    world.trace.fault(`receiver: ${site.temper}`);
  },
  crash: (world) => {
    if (!world.machine?.queue) world.trace.state('crash at the start');
    world.trace.fault('crash');
    world.kill();
  },
  'thread dies': (world) => {
    world.trace.fault('the disk thread dies');
    world.machine?.thread.cut();
    world.machine?.thread.emit('exit');
    world.clock.after(world.chance.within(0, 50), () => world.kill());
  },
  stop: (world) => {
    world.trace.fault('clean restart');
    void world.stop();
  },
  disk: (world) => {
    world.disk.fall(world.chance.pick(['full', 'failing', 'flaky']));
    world.trace.fault(`disk: ${world.disk.trouble}`);
    world.clock.after(world.chance.within(100, 120_000), () => world.disk.fall('none'));
  },
  dns: (world) => {
    const site = world.chance.pick(SITES);
    const name = `${site?.domains[0]} MX`;
    const { [name]: known } = world.dns.table;
    if (known === undefined) return;
    world.trace.fault('DNS does not answer');
    world.dns.table = { ...world.dns.table, [name]: 'silent' };
    world.clock.after(minutes(world.chance.within(1, 10)), () => {
      world.dns.table = { ...world.dns.table, [name]: [`10 ${site?.name}`] };
    });
  },
  cancel: (world) => {
    const message = someMessage(world);
    if (!message || !world.machine?.queue) return;
    world.trace.fault('cancel');
    const { tenant, id } = message;
    world.machine.queue.cancel({ tenant, message: id, by: 'simulated' }).catch(() => undefined);
  },
  move: (world) => {
    const move: Move = { kind: world.chance.pick(['suspend', 'suspend', 'resume', 'retry']) };
    const message = someMessage(world);
    if (!message) return;
    const isWide = world.chance.is(0.3);
    world.trace.fault(move.kind);
    apply(world, isWide ? { tenant: message.tenant } : { message: message.id }, move);
  },
  order: (world) => {
    const operations = world.machine?.queue && world.machine.operations;
    if (!operations) return;
    const about = { tenant: world.chance.pick(TENANTS) };
    const until = world.clock.now() + minutes(world.chance.within(1, 20));
    world.trace.fault('standing order');
    world.fairness.pause(until);
    operations.suspend({ about, by: 'simulated', dryRun: false, why: 'to see', until }).catch(() => undefined);
  },
};

/** How often each step comes, in a run: chance leaves some out, so that others are seen alone. */
export type Weights = Readonly<Record<StepName, number>>;

const USUAL: Weights = {
  'hand in': 40,
  flood: 6,
  temper: 20,
  crash: 8,
  'thread dies': 1,
  stop: 3,
  disk: 4,
  dns: 2,
  cancel: 4,
  move: 5,
  order: 2,
};

export function someWeights(world: World): Weights {
  const weights = Object.entries(USUAL).map(([name, usual]) => [name, world.chance.is(0.7) ? usual : 0]);
  return { ...(Object.fromEntries(weights) as Weights), 'hand in': USUAL['hand in'] };
}

/** One step, and time: often so little that the next comes in the middle of what it set going. */
export async function takeStep(world: World, weights: Weights): Promise<void> {
  const name = world.chance.weighed(weights);
  world.trace.note(`step: ${name}`);
  STEPS[name](world);
  await world.pass(someTime(world));
}

function someTime({ chance }: World): Duration {
  const longest = chance.weighed({ instant: 4, moment: 4, while: 2, long: 1 });
  const most = { instant: 100, moment: seconds(5), while: minutes(3), long: minutes(20) }[longest];
  return chance.random.fraction() * most;
}

/** What people may have asked for by then holds for the messages it is about. */
export function apply(world: World, selection: Selection, move: Move): void {
  const { machine, judge } = world;
  if (!machine?.queue || !machine.claim) return;
  const chosen = [...judge.offered.values()].filter(
    ({ message: { id, tenant } }) =>
      (selection.message ?? id) === id && (selection.tenant === undefined || selection.tenant === tenant),
  );
  if (move.kind === 'retry') for (const { message } of chosen) judge.hurried(message.id);
  machine.queue.move(machine.claim, selection, move).catch(() => undefined);
}

function someMessage({ judge, chance }: World): Message | undefined {
  return chance.pick([...judge.offered.values()].slice(-60))?.message;
}
