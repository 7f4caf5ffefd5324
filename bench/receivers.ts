/**
 * `npm run proof -- receivers [--short]`: what becomes of mail for many domains at three receivers of different temper.
 *
 * One defers 30 of 100 recipients once, one has two storms of 421, one refuses 5 of 100 for good; DNS is Knot and unbound.
 * A recipient that was lost, doubled, at the wrong receiver, or whose trace disagrees, fails.
 */
import { sendToThree, type Outcome } from '../test/harness/three-receivers.ts';
import { wrongWith } from '../test/harness/three-receivers-judge.ts';
import { Stage } from '../test/harness/stage.ts';
import type { Counts } from '../test/harness/tempers.ts';
import { needTools } from '../test/setup/tools.ts';
import { loadAverage, publishSection, table } from './page.ts';

const FULL = 5000;
const SHORT = 500;
const MOST_SAID = 20;

const HEAD = [
  'receiver',
  'messages',
  'delivered',
  'bounced',
  'deferrals',
  '421 said',
  'connections',
  'most at once',
  'p50 s',
  'p99 s',
];

function rowOf({ temper, receiver, taken, refusals }: Counts, { sent }: Outcome): string[] {
  const mine = sent.filter((it) => it.temper === temper);
  const events = mine.flatMap((it) => it.events);
  const count = (type: string): string => String(events.filter((it) => it.type === type).length);
  const seconds = mine.flatMap(({ recipient, at }) => {
    const when = taken.get(recipient)?.at;
    return when === undefined ? [] : [(when - at) / 1000];
  });
  return [
    temper,
    String(mine.length),
    String([...taken.values()].reduce((sum, it) => sum + it.times, 0)),
    count('bounced'),
    count('deferred'),
    String(refusals.closing),
    String(receiver.connections),
    String(receiver.mostAtOnce),
    percentile(seconds, 0.5),
    percentile(seconds, 0.99),
  ];
}

function percentile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0).toFixed(2);
}

export async function proveReceivers(isShort: boolean, say: (line: string) => void): Promise<boolean> {
  needTools('knot', 'unbound');
  const messages = isShort ? SHORT : FULL;
  const load = loadAverage();
  say(`load average: ${load}`);
  const outcome = await onStage((stage) => sendToThree(stage, messages));
  const text = table(
    HEAD,
    outcome.receivers.map((it) => rowOf(it, outcome)),
  );
  say(`\n${text}\n`);
  const faults = wrongWith(outcome);
  for (const fault of faults.slice(0, MOST_SAID)) say(`FAIL ${fault}`);
  if (!isShort && faults.length === 0) publishSection('receivers', load, about(messages), text);
  return faults.length === 0;
}

async function onStage<T>(run: (stage: Stage) => Promise<T>): Promise<T> {
  const stage = new Stage();
  let isDone = false;
  try {
    const result = await run(stage);
    isDone = true;
    return result;
  } finally {
    await stage.end(!isDone);
  }
}

const about = (messages: number): string => `One run of
${messages} messages with one recipient each, for seven domains a receiver. Deliveries are counted by the receivers; deferrals
and bounces are those of the traces. A message that is deferred is tried again after a second; a site that greets with 421
rests for fifteen`;
