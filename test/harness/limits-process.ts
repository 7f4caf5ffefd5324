/**
 * A process of its own that takes all it can get of limits shared through Redis, and prints what it was granted.
 *
 * The argument is a `Hunger` in JSON. Lines, each with the time in milliseconds: `ready AT`; `take NAME AT COUNT`, what came
 * in the 10 ms from then; `open AT COUNT`, the connections that are open from then on; `state AT REACHABLE`.
 */
import { performance } from 'node:perf_hooks';
import { openRedis } from '#lib/redis/redis.ts';
import { systemClock } from '#lib/run/clock.ts';
import type { RateClaim, Slot, SlotClaim } from '#mta/schedule/limits/limits.ts';
import { RedisLimits } from '#mta/schedule/limits/redis.ts';
import { FakeNotebook } from './notebook.ts';

export interface Hunger {
  readonly url: string;
  readonly prefix: string;
  readonly holder: string;
  readonly expected: number;
  readonly rates: readonly RateClaim[];
  readonly slots: SlotClaim;
}

const hunger = JSON.parse(process.argv[2] ?? '') as Hunger;
const BUCKET = 10;
/** How long a connection lasts, and how often one is asked for where that is not said. */
const LASTS = 250;

const now = (): number => performance.timeOrigin + performance.now();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const limits = new RedisLimits({
  redis: openRedis({ url: hunger.url }),
  clock: systemClock,
  holder: hunger.holder,
  prefix: hunger.prefix,
  expected: hunger.expected,
  notebook: new FakeNotebook(),
  told: (away) => say(`state ${now()} ${away === undefined}`),
});

const taken = new Map<string, number>();

function eat(claim: RateClaim): void {
  const { granted, wait } = limits.take([claim], 10);
  if (granted > 0) {
    const key = `${claim.name} ${Math.floor(now() / BUCKET) * BUCKET}`;
    taken.set(key, (taken.get(key) ?? 0) + granted);
  }
  setTimeout(() => eat(claim), granted === 10 ? 1 : Math.min(Math.max(wait, 1), 1000));
}

let open = 0;

function count(by: number): void {
  open += by;
  say(`open ${now()} ${open}`);
}

function connect(): void {
  const slot = limits.connect([hunger.slots]);
  if ('full' in slot) {
    setTimeout(connect, Math.min(Math.max(slot.wait ?? LASTS, 1), 1000));
    return;
  }
  count(1);
  setTimeout(() => leave(slot), LASTS);
}

function leave(slot: Slot): void {
  count(-1);
  slot.release();
  connect();
}

function begin(): void {
  if (!limits.state.isReachable) return void setTimeout(begin, 5);
  say(`ready ${now()}`);
  for (const claim of hunger.rates) eat(claim);
  for (let at = 0; at < hunger.slots.most; at += 1) connect();
}

setInterval(() => {
  for (const [key, granted] of taken) say(`take ${key} ${granted}`);
  taken.clear();
}, 100);
begin();
