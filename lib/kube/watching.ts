/**
 * A watch: lines of JSON without end, each an event.
 *
 * Bookmarks are asked for, so that something is heard about once a minute; after minutes of silence the connection counts
 * as dead. What comes in lines, and how long they are, is bounded before it is read.
 */
import type { IncomingMessage } from 'node:http';
import { type Clock, type Duration, minutes } from '#lib/run/clock.ts';
import { Deadline } from '#lib/run/deadline.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Random } from '#lib/run/random.ts';
import type { Exchange, KubeAnswer } from './exchange.ts';
import type { KubeEvent, KubeObject, KubeScope, KubeType } from './kube.ts';
import { acceptOutline, keeping } from './kept.ts';
import { pathTo } from './path.ts';

export interface Watching {
  readonly type: KubeType;
  readonly scope: KubeScope;
  readonly since: string;
  readonly signal: AbortSignal;
}

/** Nothing heard for so long, bookmarks included. */
const SILENCE: Duration = minutes(3);
/** etcd takes no object above 1.5 MB. */
const LONGEST_LINE = 8 * 1024 * 1024;
/** The server ends a watch after this many seconds, and as many again by chance: not all at once. */
const LASTS = 240;
const GONE = 410;

export async function* watchEvents(
  exchange: Exchange,
  clock: Clock,
  random: Random,
  { type, scope: { namespace, isOutline = false, ...selectors }, since, signal }: Watching,
  done: (answer: KubeAnswer) => unknown,
): AsyncIterable<KubeEvent> {
  const silence = new AbortController();
  const deadline = new Deadline(clock, () => silence.abort(new Error('the watch is silent')));
  const query = {
    ...selectors,
    watch: '1',
    allowWatchBookmarks: 'true',
    resourceVersion: since,
    timeoutSeconds: String(Math.round(LASTS * (1 + random.fraction()))),
  };
  const ending = AbortSignal.any([signal, silence.signal]);
  try {
    const form = isOutline ? { accept: acceptOutline() } : {};
    const response = await exchange.open({ method: 'GET', path: pathTo(type, namespace), query, ...form }, ending);
    if (response.statusCode === GONE) yield { kind: 'expired' };
    else if (response.statusCode === 200) yield* told(response, since, deadline, keeping(isOutline));
    else done(await exchange.rest(response));
  } catch (thrown) {
    if (!signal.aborted) throw ended(thrown);
  } finally {
    deadline.stop();
    // Whoever listens no more shall leave no connection behind.
    silence.abort(new Error('the watch is over'));
  }
}

async function* told(
  response: IncomingMessage,
  since: string,
  deadline: Deadline,
  kept: (object: KubeObject) => KubeObject,
): AsyncIterable<KubeEvent> {
  deadline.set(SILENCE);
  yield { kind: 'mark', resourceVersion: since };
  for await (const line of linesOf(response)) {
    deadline.set(SILENCE);
    const event = eventOf(line, kept);
    yield event;
    if (event.kind === 'expired') return;
  }
}

const ended = (thrown: unknown): Fault =>
  thrown instanceof Fault
    ? thrown
    : new Fault('kube-unreachable', 'A watch was cut. It goes on where it was.', { cause: thrown });

/** Whole lines; what is cut off at the end is no line. */
async function* linesOf(response: IncomingMessage): AsyncIterable<string> {
  let begun: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, at)]).toString('utf8');
      begun = [];
      length = 0;
      from = at + 1;
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > LONGEST_LINE) throw new Error('a line is too long');
  }
}

const NEWLINE = 10;

interface Line {
  readonly type?: string;
  readonly object?: KubeObject & { readonly code?: number; readonly message?: string };
}

/** The event of a line. Throws what cannot be read, and what the server says went wrong. */
function eventOf(line: string, kept: (object: KubeObject) => KubeObject): KubeEvent {
  const { type, object } = JSON.parse(line) as Line;
  if (!object) throw new Error('an event without an object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { kind: 'set', object: kept(object) };
    case 'DELETED':
      return { kind: 'gone', object: kept(object) };
    case 'BOOKMARK':
      return { kind: 'mark', resourceVersion: object.metadata.resourceVersion ?? '' };
    default:
      if (object.code === GONE) return { kind: 'expired' };
      throw new Fault('kube-busy', `The API server ended a watch: ${object.message ?? 'without a reason'}.`);
  }
}
