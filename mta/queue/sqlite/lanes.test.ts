import { describe, expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Lanes, MANY_LANES } from './lanes.ts';

interface Scene {
  readonly clock: FakeClock;
  readonly lanes: Lanes;
  readonly told: string[];
}

const open = (): Scene => {
  const clock = new FakeClock();
  return { clock, lanes: new Lanes(clock), told: [] };
};

const watch = ({ lanes, told }: Scene): void => lanes.watch((lane) => told.push(lane));

/** More than are announced without a pause. */
const MANY = 5000;

function withMany(): Scene {
  const scene = open();
  for (let at = 0; at < MANY; at += 1) scene.lanes.arrive(`lane-${at}`, 1, scene.clock.now());
  watch(scene);
  return scene;
}

describe('many lanes are due when somebody begins to watch', () => {
  test('they are announced a part at a time, each once', () => {
    const { clock, told } = withMany();
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(MANY / 4);
    clock.advance(100);
    expect(told).toHaveLength(MANY);
    expect(new Set(told).size).toBe(MANY);
  });

  test('mail that comes meanwhile is announced at once', () => {
    const { clock, lanes, told } = withMany();
    lanes.arrive('new', 1, clock.now());
    expect(told.at(-1)).toBe('new');
  });

  test('what is due longest is announced first', () => {
    const scene = open();
    for (let at = 0; at < MANY; at += 1) scene.lanes.arrive(`lane-${at}`, 1, scene.clock.now() - at);
    watch(scene);
    expect(scene.told[0]).toBe(`lane-${MANY - 1}`);
  });
});

describe('a lane is announced', () => {
  test('when its time comes, though an earlier one was planned after it', () => {
    const scene = open();
    watch(scene);
    const now = scene.clock.now();
    scene.lanes.arrive('late', 1, now + 800);
    scene.lanes.arrive('early', 1, now + 50);
    scene.clock.advance(50);
    expect(scene.told).toEqual(['early']);
    scene.clock.advance(750);
    expect(scene.told).toEqual(['early', 'late']);
  });

  test('within a second after its time when the wall clock is set forward', () => {
    const scene = open();
    watch(scene);
    scene.lanes.arrive('later', 1, scene.clock.now() + 3_600_000);
    scene.clock.setWall(scene.clock.now() + 3_600_000);
    scene.clock.advance(1000);
    expect(scene.told).toEqual(['later']);
  });

  test('at its later time when the earlier one was nothing', () => {
    const scene = open();
    watch(scene);
    const now = scene.clock.now();
    scene.lanes.arrive('lane', 1, now + 50);
    scene.lanes.reading('lane');
    scene.lanes.drained('lane', now + 80);
    scene.clock.advance(79);
    expect(scene.told).toEqual([]);
    scene.clock.advance(1);
    expect(scene.told).toEqual(['lane']);
  });

  test('afresh to whoever watches next, and to nobody when nobody does', () => {
    const scene = open();
    scene.lanes.arrive('due', 1, scene.clock.now());
    scene.lanes.arrive('later', 1, scene.clock.now() + 50);
    scene.clock.advance(100);
    watch(scene);
    expect(scene.told).toEqual(['due', 'later']);
    scene.lanes.watch(undefined);
    scene.lanes.arrive('more', 1, scene.clock.now());
    scene.clock.advance(5000);
    expect(scene.told).toEqual(['due', 'later']);
    watch(scene);
    expect(scene.told).toEqual(['due', 'later', 'due', 'later', 'more']);
    scene.lanes.close();
    scene.lanes.arrive('last', 1, scene.clock.now());
    scene.clock.advance(5000);
    expect(scene.told).toHaveLength(5);
    expect(scene.clock.timers).toBe(0);
  });

  test('again only after a lease came back short', () => {
    const scene = open();
    watch(scene);
    scene.lanes.arrive('lane', 2, scene.clock.now());
    scene.lanes.arrive('lane', 1, scene.clock.now());
    expect(scene.told).toEqual(['lane']);
    scene.lanes.drained('lane', scene.clock.now());
    expect(scene.told).toEqual(['lane', 'lane']);
  });
});

test('one timer is set, however many lanes wait', () => {
  const scene = open();
  watch(scene);
  for (let at = 0; at < 100; at += 1) scene.lanes.arrive(`lane-${at}`, 1, scene.clock.now() + 10_000 - at);
  expect(scene.clock.timers).toBe(1);
});

test('a lane whose last entry has ended does not come back by what is told of it late', () => {
  const scene = open();
  watch(scene);
  scene.lanes.arrive('lane', 1, scene.clock.now());
  scene.lanes.reading('lane');
  scene.lanes.end('lane', 1);
  // The reading failed: what it might have found is free again.
  scene.lanes.arrive('lane', 0, scene.clock.now());
  expect([scene.lanes.depths(), scene.lanes.oldestDue()]).toEqual([[], Infinity]);
  expect(scene.told).toEqual(['lane']);
});

test('a lane that comes where a forgotten one was is announced at its own time, with its own depth', () => {
  const scene = open();
  watch(scene);
  const now = scene.clock.now();
  scene.lanes.arrive('gone', 3, now + 100);
  scene.lanes.end('gone', 3);
  scene.lanes.arrive('new', 1, now + 700);
  scene.clock.advance(100);
  expect([scene.told, scene.lanes.depths(), scene.lanes.oldestDue()]).toEqual([
    [],
    [{ lane: 'new', depth: 1 }],
    now + 700,
  ]);
  scene.clock.advance(600);
  expect(scene.told).toEqual(['new']);
});

test('a lane that was announced and forgotten is announced again when it comes back', () => {
  const scene = open();
  watch(scene);
  for (const _ of [1, 2]) {
    scene.lanes.arrive('lane', 1, scene.clock.now());
    scene.lanes.end('lane', 1);
  }
  expect(scene.told).toEqual(['lane', 'lane']);
});

test('that there are many lanes is told as soon as there are, and once', () => {
  let told = 0;
  const lanes = new Lanes(new FakeClock(), () => (told += 1));
  for (let at = 0; at < MANY_LANES; at += 1) lanes.arrive(`lane-${at}`, 1, Infinity);
  expect(told).toBe(0);
  for (const more of ['one', 'two']) lanes.arrive(more, 1, Infinity);
  expect(told).toBe(1);
});

test('how much is in a lane is known, and a lane that is empty is forgotten', () => {
  const { lanes, clock } = open();
  lanes.arrive('a', 3, clock.now());
  lanes.arrive('b', 1, clock.now());
  lanes.end('a', 2);
  lanes.end('unknown', 1);
  expect([lanes.depthOf('a'), lanes.depthOf('b'), lanes.depthOf('c')]).toEqual([1, 1, 0]);
  lanes.end('a', 1);
  expect([lanes.names(), lanes.depths()]).toEqual([['b'], [{ lane: 'b', depth: 1 }]]);
  for (const tell of [() => lanes.reading('c'), () => lanes.drained('c', 0), () => lanes.left('c', 0)]) tell();
  expect(lanes.names()).toEqual(['b']);
});

test('the one that waits longest is known: what came, what a lease left, and what is not leased', () => {
  const { lanes } = open();
  lanes.arrive('a', 1, 50);
  lanes.arrive('b', 1, 70);
  expect(lanes.oldestDue()).toBe(50);
  lanes.left('a', 90);
  expect(lanes.oldestDue()).toBe(70);
  lanes.drained('b', Infinity);
  expect(lanes.oldestDue()).toBe(90);
  lanes.arrive('b', 1, 60);
  expect(lanes.oldestDue()).toBe(60);
});
