/**
 * What is wrong with what became of a load at three receivers, a sentence each. Pure.
 *
 * The receivers' own counts decide what was delivered; traces must say the same.
 */
import type { EventType } from '#mta/mail/event.ts';
import { MOST_CONNECTIONS, type Outcome, type Sent } from './three-receivers.ts';

const ENDS: ReadonlySet<EventType> = new Set<EventType>(['delivered', 'bounced', 'expired', 'cancelled']);

export function wrongWith({ sent, receivers, reported, left }: Outcome): string[] {
  const taken = new Map(receivers.map((it) => [it.temper, it.taken]));
  const known = new Set(sent.map((it) => it.recipient));
  const strange = receivers.flatMap((it) => [...it.taken.keys()].filter((address) => !known.has(address)));
  const crowded = receivers.filter((it) => it.receiver.mostAtOnce > MOST_CONNECTIONS);
  return [
    ...sent.flatMap((it) => {
      const places = receivers.reduce((sum, at) => sum + (at.taken.get(it.recipient)?.times ?? 0), 0);
      const here = taken.get(it.temper)?.get(it.recipient)?.times ?? 0;
      return [...wrongPlace(it, places, here), ...wrongTrace(it)];
    }),
    ...wrongReports(sent, reported),
    ...strange.map((it) => `${it} was delivered and never sent`),
    ...crowded.map((it) => `${it.temper}: ${it.receiver.mostAtOnce} connections at once, not ${MOST_CONNECTIONS}`),
    ...(left === 0 ? [] : [`${left} are left in the queue`]),
  ];
}

function wrongPlace(sent: Sent, everywhere: number, here: number): string[] {
  const wanted = sent.isStranger ? 0 : 1;
  if (here === wanted && everywhere === wanted) return [];
  return [`${sent.recipient} was taken ${everywhere} times, ${here} of them in its place, not ${wanted}`];
}

/** Queued, put off as it was, ended once and as it had to. */
function wrongTrace({ recipient, isStranger, isPutOff, temper, events }: Sent): string[] {
  const types = events.map((it) => it.type);
  const ends = types.filter((it) => ENDS.has(it));
  const isRight =
    types[0] === 'queued' &&
    ends.length === 1 &&
    types.at(-1) === (isStranger ? 'bounced' : 'delivered') &&
    (temper === 'storms' || types.length === (isPutOff ? 3 : 2)) &&
    (!isStranger || events.at(-1)?.reply === '550 5.1.1 no such user');
  return isRight ? [] : [`the trace of ${recipient} says ${types.join(', ')}`];
}

/** Each that was not delivered once, and no other. */
function wrongReports(sent: readonly Sent[], reported: readonly string[]): string[] {
  const wanted = sent.filter((it) => it.isStranger).map((it) => it.id);
  const isSame = wanted.toSorted().join(' ') === reported.toSorted().join(' ');
  return isSame ? [] : [`${reported.length} reports on ${new Set(reported).size} messages, not on ${wanted.length}`];
}
