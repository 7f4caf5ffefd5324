/**
 * `receivers`: what becomes of mail for many domains at three receivers of different temper.
 *
 * One defers 30 of 100 recipients once, one has two storms of 421, one refuses 5 of 100 for good; DNS is Knot and unbound.
 * A recipient that was lost, doubled, at the wrong receiver, or whose trace disagrees, fails.
 */
import { sendToThree, type Outcome } from '../test/harness/three-receivers.ts';
import { wrongWith } from '../test/harness/three-receivers-judge.ts';
import type { Counts } from '../test/harness/tempers.ts';
import { needTools } from '../test/setup/tools.ts';
import { table } from './page.ts';
import { type Finding, onStage } from './rounds.ts';

const FULL = 5000;
const SHORT = 500;

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

export async function measureReceivers(isShort: boolean): Promise<Finding> {
  needTools('knot', 'unbound');
  const messages = isShort ? SHORT : FULL;
  const outcome = await onStage((stage) => sendToThree(stage, messages));
  const text = table(
    HEAD,
    outcome.receivers.map((it) => rowOf(it, outcome)),
  );
  return { text, about: about(messages), faults: wrongWith(outcome) };
}

const about = (messages: number): string => `One run of
${messages} messages with one recipient each, for seven domains a receiver. Deliveries are counted by the receivers; deferrals
and bounces are those of the traces. A message that is deferred is tried again after a second; a site that greets with 421
rests for fifteen`;
