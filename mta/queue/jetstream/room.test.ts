import { expect, test } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { layoutOf } from './layout.ts';
import { Room } from './room.ts';

const LAYOUT = layoutOf('q', 1);

/** Streams whose bytes a test says; each look is counted. */
function openRoom() {
  const clock = new FakeClock();
  const bytes = new Map([
    [LAYOUT.log, 0],
    [LAYOUT.done, 0],
  ]);
  const state = { looks: 0, isAway: false };
  const about = async (stream: string) => {
    state.looks += 1;
    if (state.isAway) throw new Fault('nats-failed', 'nobody answers');
    return { bytes: bytes.get(stream) ?? 0, mostBytes: 1000 };
  };
  return { clock, bytes, state, room: new Room({ about }, LAYOUT, clock) };
}

test.each([LAYOUT.log, LAYOUT.done])(
  'nothing is put into the last 15 %% of %s, until there is room again',
  async (stream) => {
    const { room, bytes, clock } = openRoom();
    bytes.set(stream, 849);
    await room.look();
    expect(room.refusal()).toBeUndefined();
    bytes.set(stream, 850);
    clock.advance(1000);
    room.refusal();
    await Promise.resolve();
    await new Promise(setImmediate);
    expect(room.refusal()).toMatchObject({ code: 'storage-full', message: expect.stringContaining(stream) });
    bytes.set(stream, 100);
    clock.advance(1000);
    room.refusal();
    await new Promise(setImmediate);
    expect(room.refusal()).toBeUndefined();
  },
);

test('however many put, it is looked at once a second', async () => {
  const { room, state, clock } = openRoom();
  for (let second = 0; second < 3; second += 1) {
    for (let put = 0; put < 100; put += 1) room.refusal();
    await new Promise(setImmediate);
    clock.advance(1000);
  }
  expect(state.looks).toBe(6);
});

test('while nobody says, it is as it was', async () => {
  const { room, bytes, state, clock } = openRoom();
  bytes.set(LAYOUT.log, 1000);
  await room.look();
  state.isAway = true;
  clock.advance(1000);
  room.refusal();
  await new Promise(setImmediate);
  expect(room.refusal()).toMatchObject({ code: 'storage-full' });
});
