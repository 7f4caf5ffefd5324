/**
 * Keys under random events: two who plan at once from old readings, workers that load late, DNS that lags and fails.
 *
 * What is written is written over what was read, or not at all, as with `resourceVersion`; who plans has read within a day, and
 * somebody reads and plans every day.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { KeyKind } from './key.ts';
import { REVOKED_FOR, rotate, type RotatingKey, type RotationView } from './rotation.ts';
import { familyOf } from './selector.ts';
import { runs } from '../../test/harness/runs.ts';

const RETIRE_AFTER: Duration = hours(8 * 24);
/** What an old reading may cost of it. */
const MARGIN: Duration = hours(48);
const ROTATE_AFTER: Duration = hours(180 * 24);

type Event =
  | 'hour'
  | 'day'
  | 'month'
  | 'read'
  | 'plan'
  | 'publish'
  | 'look'
  | 'failing look'
  | 'load'
  | 'send'
  | 'rotate'
  | 'choose'
  | 'round';

interface Happening {
  readonly event: Event;
  /** Which of two operators, three workers or three choices of algorithms. */
  readonly who: number;
}

const CHOICES: readonly (readonly KeyKind[])[] = [['RSA2048', 'Ed25519'], ['RSA4096'], ['Ed25519']];

interface Reading extends Pick<RotationView, 'keys' | 'offered' | 'loaded' | 'used'> {
  readonly at: Instant;
  /** The status and the keyring as they were. */
  readonly offers: ReadonlyMap<string, boolean>;
  readonly keyring: readonly string[];
}

/** A cluster in miniature: what is written, what DNS has, and what each worker signs with. */
class World {
  now: Instant = Date.UTC(2026, 0, 1);
  algorithms: readonly KeyKind[] = CHOICES[0] ?? [];
  rotateAt: Instant | undefined;
  rotateAfter = ROTATE_AFTER;
  readonly keys = new Map<string, RotatingKey>();
  written = 0;
  readonly wrong: string[] = [];
  /** Records in status; then in DNS. `true`: the key is there; `false`: revoked. */
  offers = new Map<string, boolean>();
  readonly dns = new Map<string, boolean>();
  sightings = new Map<string, 'seen' | 'absent' | 'unknown'>();
  keyring: readonly string[] = [];
  readonly workers: (readonly string[])[] = [[], [], []];
  readonly readings: Reading[] = [this.read(), this.read()];
  readonly signedAt = new Map<string, Instant>();

  happen({ event, who }: Happening): void {
    const does: Record<Event, () => void> = {
      hour: () => void (this.now += hours(1)),
      day: () => this.pass(1),
      month: () => this.pass(30),
      read: () => void (this.readings[who % 2] = this.read()),
      plan: () => this.plan(this.readings[who % 2] ?? this.read()),
      publish: () => this.publish(),
      look: () => this.look(),
      'failing look': () =>
        void (this.sightings = new Map([...this.keys.keys()].map((it) => [it, who % 2 ? 'absent' : 'unknown']))),
      load: () => void (this.workers[who % 3] = this.keyring),
      send: () => this.send(this.workers[who % 3] ?? []),
      round: () => {
        for (const one of ['read', 'plan', 'read', 'plan', 'publish', 'look'] as const)
          this.happen({ event: one, who });
        for (const worker of [0, 1, 2]) this.happen({ event: 'load', who: worker });
      },
      rotate: () => void (this.rotateAt = this.now + who),
      choose: () => void (this.algorithms = CHOICES[who % 3] ?? []),
    };
    does[event]();
    this.judge();
  }

  pass(days: number): void {
    for (let day = 0; day < days; day += 1) {
      this.now += hours(24);
      this.plan(this.read());
    }
  }

  read(): Reading {
    const loaded = this.keyring.filter((it) => this.workers.every((has) => has.includes(it)));
    const { now: at, offers, keyring } = this;
    return {
      at,
      keys: [...this.keys.values()],
      offered: new Set(offers.keys()),
      loaded: new Set(loaded),
      used: new Set([...keyring, ...this.workers.flat()]),
      offers,
      keyring,
    };
  }

  /** As the operator does: each phase is written over the one that was read, a key is made where none of its number is. */
  plan(reading: Reading): void {
    if (this.now > reading.at + hours(24)) return;
    const { now, algorithms, rotateAt, sightings } = this;
    const at = rotateAt === undefined ? {} : { rotateAt };
    const step = rotate({
      ...reading,
      now,
      algorithms,
      ...at,
      sightings,
      rotateAfter: this.rotateAfter,
      retireAfter: RETIRE_AFTER,
    });
    for (const key of step.keys) this.write(key, reading);
    for (const selector of step.remove) if (this.isAsRead(selector, reading)) this.keys.delete(selector);
    for (const algorithm of step.make) this.make(algorithm, reading);
    if (this.offers === reading.offers)
      this.offers = new Map(step.keys.map(({ selector, phase }) => [selector, phase !== 'Retired']));
    if (this.keyring === reading.keyring) this.keyring = step.signers;
  }

  isAsRead(selector: string, { keys }: Reading): boolean {
    return this.keys.get(selector)?.phase === keys.find((it) => it.selector === selector)?.phase;
  }

  write(key: RotatingKey, reading: Reading): void {
    const before = this.keys.get(key.selector);
    if (!before || before.since === key.since || !this.isAsRead(key.selector, reading)) return;
    this.keys.set(key.selector, key);
    this.written += 1;
  }

  make(algorithm: KeyKind, { keys }: Reading): void {
    const family = familyOf(algorithm);
    const revision =
      1 + Math.max(0, ...keys.filter((it) => familyOf(it.algorithm) === family).map((it) => it.revision));
    const selector = `${family}${revision}`;
    if (this.keys.has(selector)) return;
    const { now } = this;
    // A number may come again once its key is long gone. What was seen was the record of that one.
    this.sightings = new Map([...this.sightings].filter(([it]) => it !== selector));
    this.keys.set(selector, {
      selector,
      algorithm,
      revision,
      isBrought: false,
      madeAt: now,
      since: now,
      phase: 'Pending',
    });
    this.written += 1;
  }

  publish(): void {
    this.dns.clear();
    for (const [selector, isThere] of this.offers) this.dns.set(selector, isThere);
  }

  look(): void {
    this.sightings = new Map([...this.keys.keys()].map((it) => [it, this.dns.get(it) === true ? 'seen' : 'absent']));
  }

  send(signers: readonly string[]): void {
    for (const selector of signers) {
      if (this.dns.get(selector) !== true) this.wrong.push(`${selector} signs and is not published`);
      this.signedAt.set(selector, this.now);
    }
  }

  judge(): void {
    for (const [selector, at] of this.signedAt)
      if (this.now < at + RETIRE_AFTER - MARGIN && this.offers.get(selector) !== true)
        this.wrong.push(`${selector} is given up`);
  }
}

const fair: fc.Arbitrary<Happening> = fc.record({
  event: fc.constantFrom<Event[]>(
    'hour',
    'day',
    'month',
    'read',
    'plan',
    'read',
    'plan',
    'publish',
    'look',
    'failing look',
    'load',
    'load',
    'send',
    'rotate',
    'choose',
    'round',
    'round',
    'round',
  ),
  who: fc.nat(5),
});

test('never signs with a key that is not published, and gives up no record that a signature needs', () => {
  fc.assert(
    fc.property(fc.array(fair, { maxLength: 150, size: 'max' }), (happenings) => {
      const world = new World();
      for (const it of happenings) world.happen(it);
      expect(world.wrong).toEqual([]);
    }),
    { numRuns: runs(500) },
  );
});

test('comes to one active key of each family that is wanted, whatever happened before', () => {
  fc.assert(
    fc.property(fc.array(fair, { maxLength: 60, size: 'max' }), (happenings) => {
      const world = new World();
      for (const it of happenings) world.happen(it);
      world.rotateAfter = 0;
      const settle = (): void => {
        for (let round = 0; round < 12; round += 1)
          for (const event of ['hour', 'read', 'plan', 'publish', 'look', 'load', 'load', 'load'] as const)
            for (const who of [0, 1, 2]) world.happen({ event, who });
      };
      settle();
      world.now += RETIRE_AFTER;
      settle();
      world.now += REVOKED_FOR;
      settle();
      const left = [...world.keys.values()].map(({ algorithm, phase }) => `${algorithm} ${phase}`).toSorted();
      expect(world.wrong).toEqual([]);
      expect(left).toEqual(world.algorithms.map((it) => `${it} Active`).toSorted());
      const { written } = world;
      settle();
      expect(world.written - written).toBe(0);
    }),
    { numRuns: runs(200) },
  );
});
