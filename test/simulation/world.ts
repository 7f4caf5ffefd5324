/**
 * Everything that is simulated, and the time that passes in it.
 *
 * One event at a time: the clock goes to the next timer, what it sets going runs to its end, and then the next. Nothing
 * else moves, so a seed is a run. A machine that dies, or cannot start, is started again after a while, as a supervisor does.
 */
import { type Duration, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Message } from '#mta/mail/message.ts';
import { FakeDns } from '../harness/fake-dns.ts';
import { slotsInMemory } from '../harness/slots.ts';
import { Chance } from './chance.ts';
import { DNS, siteAt, SITES } from './declared.ts';
import { Disk } from './disk.ts';
import { Fairness } from './fairness.ts';
import { Judge } from './judge.ts';
import { Machine } from './machine.ts';
import { MailMaker } from './mail.ts';
import type { Line } from './network.ts';
import { Pace } from './pace.ts';
import type { Plant } from './planted.ts';
import { SiteState } from './site-state.ts';
import { Trace } from './trace.ts';

/** Everything that was promised at this moment has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class World {
  readonly clock = new FakeClock();
  readonly chance: Chance;
  readonly trace = new Trace(this.clock);
  readonly dns = new FakeDns(DNS);
  readonly slots = slotsInMemory();
  readonly disk: Disk;
  readonly judge: Judge;
  readonly fairness: Fairness;
  readonly sites: readonly SiteState[];
  readonly mail: MailMaker;
  machine: Machine | undefined;
  readonly #pace: Pace;
  readonly #plant: Plant;
  #stopping: Machine | undefined;
  #isOver = false;

  constructor(seed: number, plant: Plant) {
    const { clock, trace, slots } = this;
    this.#plant = plant;
    this.chance = new Chance(seed);
    const { chance } = this;
    this.mail = new MailMaker(clock, chance);
    this.disk = new Disk({ clock, chance, trace });
    this.judge = new Judge({ clock, disk: this.disk, trace });
    const { disk, judge } = this;
    const violate = (what: string): void => judge.violate(what);
    const pace = new Pace({ clock, violate });
    this.#pace = pace;
    this.fairness = new Fairness({ clock, disk, slots, violate });
    const { fairness } = this;
    this.sites = SITES.map((site) => new SiteState(site, { clock, chance, judge, pace, fairness }));
  }

  /** A machine begins, now. */
  begin(): void {
    if (this.#isOver) return;
    const { clock, chance, trace, disk, slots, dns } = this;
    this.judge.begun();
    this.#pace.forget();
    this.fairness.forget();
    const machine = new Machine({
      clock,
      chance,
      trace,
      disk,
      slots,
      dns,
      plant: this.#plant,
      listen: (address, line) => this.#listen(address, line),
      opened: (address, open) => this.#pace.opened(address, open),
      tell: (event) => this.judge.told(event),
    });
    this.machine = machine;
    trace.note('a machine begins');
    machine.start().catch((thrown: unknown) => {
      trace.note(`a machine does not start: ${reasonOf(thrown)}`);
      trace.state('no start');
      if (!machine.isDead) this.kill();
    });
  }

  /** The machine dies as it is, and is started again. */
  kill(): void {
    const { machine } = this;
    if (!machine || machine.isDead) return;
    this.trace.note('a machine dies');
    machine.kill();
    this.judge.died();
    this.clock.after(this.chance.within(100, 30_000), () => this.begin());
  }

  /** The machine is asked to end, and is started again when it has; `then` has the last word. */
  async stop(then: (machine: Machine) => void = () => this.begin()): Promise<void> {
    const { machine } = this;
    if (!machine || machine.isDead || machine === this.#stopping || !machine.queue) return;
    this.#stopping = machine;
    this.trace.note('a machine is asked to end');
    try {
      await machine.stop();
    } catch (thrown) {
      if (!machine.isDead) this.judge.violate(`a machine that is asked to end fails: ${reasonOf(thrown)}`);
    }
    if (machine.isDead) return;
    machine.kill();
    this.trace.note('a machine has ended');
    if (!this.slots.read().every((it) => it === 0)) this.judge.violate('something is in hand after a stop');
    then(machine);
  }

  /** Hands a message in, to the machine that runs. */
  hand(message: Message): void {
    const queue = this.machine?.queue;
    if (!queue || this.machine === this.#stopping) return;
    const { machine } = this;
    this.judge.offer(message);
    queue.put(message).then(
      () => machine?.isDead || this.judge.accepted(message.id),
      (thrown: unknown) => this.trace.note(`not taken: ${reasonOf(thrown)}`),
    );
  }

  /** Time passes; less of it, once something was found to be wrong. */
  async pass(by: Duration): Promise<void> {
    const end = this.clock.monotonic() + by;
    while (this.clock.next <= end && this.judge.violations.length === 0) {
      this.clock.advance(this.clock.next - this.clock.monotonic());
      await settled();
    }
    this.clock.advance(Math.max(end - this.clock.monotonic(), 0));
    await settled();
    this.#look();
  }

  /** Time passes until something holds; whether it came to hold. */
  async until(holds: () => boolean, most: Duration): Promise<boolean> {
    const end = this.clock.monotonic() + most;
    while (!holds() && this.clock.monotonic() < end && this.judge.violations.length === 0) await this.pass(seconds(5));
    return holds();
  }

  /** No machine is begun any more. */
  over(): void {
    this.#isOver = true;
  }

  #listen(address: string, line: Line) {
    const site = siteAt(address);
    const state = this.sites.find((it) => it.site === site);
    return state ? state.listen(line) : 'refused';
  }

  /** What memory says is there is what is there, whenever nothing is on its way to the disk. */
  #look(): void {
    const { machine, disk } = this;
    for (const { waitsFor } of machine?.worker?.sites() ?? [])
      if (waitsFor) this.trace.state(`waits: ${waitsFor.replace(/ until .*/, '')}`);
    const queue = machine?.queue;
    if (!queue || !machine?.thread.isIdle) return;
    const rows = disk.ask('SELECT lane, count(*) AS depth FROM entry WHERE state IN (0, 2) GROUP BY lane');
    const there = linesOf(rows.map((row) => `${row['lane']}: ${row['depth']}`));
    const said = linesOf(queue.depth().map(({ lane, depth }) => `${lane}: ${depth}`));
    if (said !== there) this.judge.violate(`depth is not what is there:\n${said}\n— there is:\n${there}`);
  }
}

const linesOf = (all: readonly string[]): string => all.toSorted((a, b) => (a < b ? -1 : 1)).join('\n');
