import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { layoutOf } from './layout.ts';
import { Lookout, type LookoutOptions } from './lookout.ts';
import { wantedOf } from './streams.ts';

const SIZES = { replicas: 1, logBytes: 1000, doneBytes: 1000 };
const LAYOUT = layoutOf('q', 1);

/** A server's monitoring port that says what a test says. */
async function monitor(said: () => object): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((_, response) => response.end(JSON.stringify(said())));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

const varz = (name: string, always: boolean, version = '2.15.2') => ({
  server_name: name,
  version,
  jetstream: { config: { sync_always: always } },
});

/** Streams as they are made, until a test changes or removes one. */
function streams() {
  const configs = new Map<string, Readonly<Record<string, unknown>>>(
    wantedOf(LAYOUT, SIZES).map((it) => [it.name, { ...it }]),
  );
  const about = async (name: string) => {
    const config = configs.get(name);
    if (!config) throw new Fault('nats-no-stream', `there is no ${name}`);
    return { config, servers: ['n1'] };
  };
  return { configs, streams: { about } };
}

const open = (over: Partial<LookoutOptions> & Pick<LookoutOptions, 'monitors'>): Lookout =>
  new Lookout({
    streams: streams().streams,
    layout: LAYOUT,
    sizes: SIZES,
    server: () => 'n1',
    promise: 'synced',
    clock: systemClock,
    ...over,
  });

test('before anybody has looked nothing is put', async () => {
  const { url } = await monitor(() => varz('n1', true));
  const lookout = open({ monitors: [url] });
  expect(lookout.refusal()).toMatchObject({ code: 'nats-not-durable' });
  expect(lookout.durability).toBe('Unknown');
  await lookout.look();
  expect([lookout.refusal(), lookout.doubts, lookout.durability]).toEqual([undefined, [], 'Fsync']);
});

test('a server that was started with other settings stops what is put, and is told of once, until it is set right', async () => {
  let always = true;
  const told: (readonly string[])[] = [];
  const { url } = await monitor(() => varz('n1', always));
  const lookout = open({ monitors: [url], doubtful: (it) => told.push(it) });
  await lookout.look();
  always = false;
  await lookout.look();
  await lookout.look();
  expect(lookout.refusal()).toMatchObject({ code: 'nats-not-durable', message: /sync_interval: always/ });
  always = true;
  await lookout.look();
  expect(lookout.refusal()).toBeUndefined();
  expect(told).toEqual([[], [expect.stringMatching(/answers before it has synced/)], []]);
});

test('where somebody said that mail may be lost it is only told', async () => {
  const { url } = await monitor(() => varz('n1', false, '2.14.0'));
  const lookout = open({ monitors: [url], promise: 'answered' });
  await lookout.look();
  expect(lookout.refusal()).toBeUndefined();
  expect([lookout.doubts.length, lookout.durability]).toEqual([2, 'Weaker']);
});

test('a server that restarts is as it was seen last; one that nobody ever saw is unknown', async () => {
  const { url, server } = await monitor(() => varz('n1', true));
  const lookout = open({ monitors: [url] });
  await lookout.look();
  server.closeAllConnections();
  server.close();
  await lookout.look();
  expect(lookout.refusal()).toBeUndefined();
  const blind = open({ monitors: [url] });
  await blind.look();
  expect(blind.refusal()).toMatchObject({ message: expect.stringMatching(/nobody knows how NATS server n1 is set/) });
});

test.each([
  ['changed', 'discard', 'old', /stream q_LOG: discard is "old", not "new"/],
  ['set to forget', 'max_age', 5, /stream q_LOG: max_age is 5, not 0/],
])('a stream that was %s stops what is put, whatever was promised', async (_, field, value, sentence) => {
  const { url } = await monitor(() => varz('n1', true));
  const { configs, streams: there } = streams();
  const lookout = open({ monitors: [url], streams: there, promise: 'answered' });
  await lookout.look();
  configs.set(LAYOUT.log, { ...configs.get(LAYOUT.log), [field]: value });
  await lookout.look();
  expect(lookout.refusal()).toMatchObject({ code: 'nats-settings', message: expect.stringMatching(sentence) });
  expect(lookout.durability).toBe('Weaker');
  configs.delete(LAYOUT.log);
  await lookout.look();
  expect(lookout.refusal()).toMatchObject({ code: 'nats-settings', message: expect.stringMatching(/it is gone/) });
});

test('it looks every half minute by itself until it is closed', async () => {
  let looks = 0;
  const clock = new FakeClock();
  const { url } = await monitor(() => {
    looks += 1;
    return varz('n1', true);
  });
  const lookout = open({ monitors: [url], clock });
  await lookout.begin();
  clock.advance(29_999);
  expect(looks).toBe(1);
  clock.advance(1);
  await expect.poll(() => looks).toBe(2);
  lookout.close();
  clock.advance(60_000);
  expect(looks).toBe(2);
});
