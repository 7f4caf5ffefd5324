/**
 * What is done to the cluster while it carries mail, in this order, and whether any of it may come twice.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Fleet, INGRESS, NATS, OPERATOR, VALKEY, WORKER, type Workload } from './fleet.ts';
import { rotate } from './rotation.ts';
import type { SteadyLoad } from './steady-load.ts';

export interface Scene {
  readonly fleet: Fleet;
  readonly load: SteadyLoad;
  /** Asks the name server of the domain. */
  readonly texts: (name: string) => Promise<readonly string[]>;
}

export interface Phase {
  readonly name: string;
  /** What was in doubt when something ended without a word may come twice, nothing else. */
  readonly doubles: 'in doubt' | 'none';
  readonly run: (scene: Scene) => Promise<void>;
  /** Only where it is ours. */
  readonly endsApiServer?: true;
}

/** How much is done: for a check, or for the record. */
export interface Form {
  readonly phases: readonly Phase[];
  /** Messages a second that are handed in, and how many of them must be: whoever waits is late. */
  readonly rate: number;
  readonly leastRate: number;
  readonly leastMessages: number;
}

const STEADY = 5000;
const STORES = [NATS, VALKEY];
const KINDS = new Map([
  ['worker', WORKER],
  ['ingress', INGRESS],
  ['operator', OPERATOR],
  ['a server of NATS', NATS],
  ['Valkey', VALKEY],
]);

const harsh = (name: string, run: Phase['run']): Phase => ({ name, doubles: 'in doubt', run });
const gentle = (name: string, run: Phase['run']): Phase => ({ name, doubles: 'none', run });

const killed = (name: string, what: Workload, times: number): Phase =>
  harsh(`${name} killed${times > 1 ? `, ${times} times` : ''}`, async ({ fleet, load }) => {
    for (let time = 0; time < times; time += 1) await fleet.kill(what, time, () => load.noteKill());
  });

const nothing = gentle('nothing', () => pause(STEADY));
const stopped = harsh('NATS and Valkey stopped, then started', ({ fleet, load }) =>
  fleet.stopAndStart(STORES, () => load.noteKill()),
);
const rotated = gentle('keys through all phases', ({ fleet, texts }) => rotate(fleet, texts));
const scaled = gentle('workers from 3 to 1 to 3', async ({ fleet }) => {
  await fleet.scaleWorkers(1);
  await fleet.scaleWorkers(3);
});
const withoutApiServer = (seconds: number): Phase => ({
  ...gentle(`API server away for ${seconds} s`, ({ fleet }) => fleet.withoutApiServer(seconds * 1000)),
  endsApiServer: true,
});
const evicted = gentle('pods evicted', async ({ fleet }) => {
  await Promise.all([INGRESS, WORKER].map((it) => fleet.evict(it)));
});
const upgraded = gentle('another image', ({ fleet }) => fleet.upgrade());

const eachKilled = harsh('one of each kind killed', async ({ fleet, load }) => {
  await Promise.all([...KINDS.values()].map((it) => fleet.kill(it, 0, () => load.noteKill())));
});

/** A busy machine does it too. */
const SHORT: Form = {
  phases: [nothing, eachKilled, stopped, rotated, scaled, withoutApiServer(20), upgraded],
  rate: 40,
  leastRate: 20,
  leastMessages: 3000,
};

const WHOLE: Form = {
  phases: [
    nothing,
    ...[...KINDS].map(([name, what]) => killed(name, what, 3)),
    stopped,
    rotated,
    scaled,
    withoutApiServer(120),
    evicted,
    upgraded,
  ],
  rate: 104,
  leastRate: 100,
  leastMessages: 20_000,
};

/** `hasApiServer`: it may be ended. */
export function formOf({ isShort, hasApiServer }: { readonly isShort: boolean; readonly hasApiServer: boolean }): Form {
  const form = isShort ? SHORT : WHOLE;
  return hasApiServer ? form : { ...form, phases: form.phases.filter((it) => it.endsApiServer !== true) };
}
