/**
 * `postfleet trace ID`: every event and reply of one message, in order, for people or as JSON; `--follow` goes on until it has ended.
 */
import { type Clock, type Duration, seconds, sleep } from '#lib/run/clock.ts';
import type { MailEvent } from '../mail/event.ts';
import type { Pending } from '../queue/queue.ts';
import { type AdminFlags, askAdmin, mustBeWhole } from './admin-client.ts';

export interface Trace {
  readonly id: string;
  readonly events: readonly MailEvent[];
  /** Recipients that have not ended. */
  readonly pending: readonly Pending[];
  /** A sentence for each part of the queue that gave no answer. */
  readonly missing?: readonly string[];
}

export interface TraceFlags extends AdminFlags {
  readonly json?: boolean;
}

/** Prints to `print`; rejects with a fault when nothing is known, nobody answers, or not everybody. */
export async function traceCommand(id: string, flags: TraceFlags, print: (text: string) => void): Promise<void> {
  const trace = await ask(id, flags);
  print(flags.json === true ? JSON.stringify(trace, null, 2) : formatTrace(trace));
  mustBeWhole(trace);
}

const SOON: Duration = seconds(1);
const LATER: Duration = seconds(10);

/** Prints each event when it comes, until every recipient has ended; asks less often while nothing happens. */
export async function followCommand(
  id: string,
  flags: TraceFlags,
  print: (text: string) => void,
  clock: Clock,
): Promise<void> {
  for (let seen = 0, pause = SOON, goesOn = true; goesOn;) {
    const { events, pending, missing = [] } = await ask(id, flags);
    for (const event of events.slice(seen)) print(flags.json === true ? JSON.stringify(event) : eventLine(event));
    pause = events.length > seen ? SOON : Math.min(pause * 1.5, LATER);
    seen = events.length;
    goesOn = pending.length > 0 || missing.length > 0;
    if (goesOn) await sleep(clock, pause);
  }
}

const ask = async (id: string, flags: TraceFlags): Promise<Trace> =>
  (await askAdmin(flags, `/v1/messages/${encodeURIComponent(id)}`)) as Trace;

/** A line per event, a line per recipient that still waits. */
function formatTrace({ events, pending }: Trace): string {
  const lines = events.map(eventLine);
  const waiting = pending.map(({ state, recipient, due, attempts }) => {
    const when = state === 'waiting' ? `, next try ${new Date(due).toISOString()}` : '';
    return `${state.padEnd(10)} ${recipient}: ${attempts} attempts so far${when}`;
  });
  return [...lines, ...waiting].join('\n');
}

function eventLine(event: MailEvent): string {
  const details = [
    event.type === 'queued' ? `from <${event.sender}>, ${event.size ?? 0} bytes` : event.reply,
    event.class === undefined ? '' : `${event.class} (${event.rule ?? ''})`,
    event.report === undefined ? '' : event.report,
    event.foundBy === undefined ? '' : `found by its ${event.foundBy}`,
    event.suppressed === undefined ? '' : `suppressed (${event.suppressed})`,
    event.host === undefined ? '' : `by ${event.host}`,
    event.source === undefined ? '' : `from ${event.source}`,
    event.tls === undefined ? '' : `over ${event.tls}`,
    event.took === undefined ? '' : `in ${event.took} ms`,
    event.type === 'queued' && event.notBefore !== undefined
      ? `not before ${new Date(event.notBefore).toISOString()}`
      : '',
    event.due === undefined ? '' : `next try ${new Date(event.due).toISOString()}`,
  ].filter((it) => it !== '');
  return `${new Date(event.at).toISOString()} ${event.type.padEnd(9)} ${event.recipient}  ${details.join(', ')}`;
}
