import { expect, test } from 'vitest';
import type { Attributes, SpanKind, Tracer } from '#lib/trace/tracer.ts';
import type { TraceContext } from '#lib/trace/context.ts';
import { aMessage } from '../../test/harness/queue.ts';
import type { Attempt } from '../mail/attempt.ts';
import { tellAttempt } from './attempt-spans.ts';
import type { MailEvent } from '../mail/event.ts';
import { reply } from '../mail/reply.ts';

const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
const AT = 10_000;

interface Told {
  readonly name: string;
  readonly kind: SpanKind;
  readonly under: string | undefined;
  readonly from: number;
  readonly to: number;
  readonly attributes: Attributes;
  readonly failed: string | undefined;
}

/** A span's context is its name. */
function tellingTracer(): { tracer: Tracer; told: Told[] } {
  const told: Told[] = [];
  const tracer: Tracer = {
    start: (name, kind, from, parent) => ({
      context: { traceparent: name },
      end: (to, attributes = {}, failed) =>
        void told.push({ name, kind, under: parent?.traceparent, from, to, attributes, failed }),
    }),
    close: async () => undefined,
  };
  return { tracer, told };
}

const delivered: Attempt = {
  stage: 'dot',
  reply: reply(250, '2.0.0', 'ok ann@dest.test'),
  own: false,
  inDoubt: false,
  took: 100,
};

function tell(attempt: Attempt, over: Partial<MailEvent> = {}, context: TraceContext | undefined = trace): Told[] {
  const { tracer, told } = tellingTracer();
  const message = aMessage({ acceptedAt: 9000, ...(context && { trace: context }) });
  const [recipient = ''] = message.recipients;
  const lease = { id: 1, lane: 'default default/main dest.test', message, index: 0, recipient, attempts: 0 };
  const event: MailEvent = {
    v: 1,
    at: AT,
    type: 'delivered',
    message: message.id,
    index: 0,
    tenant: message.tenant,
    sender: message.sender,
    recipient,
    reply: '250 2.0.0 ok',
    attempt: 1,
    ...over,
  };
  tellAttempt(tracer, { lease, attempt, event, site: 'mx.dest.test' }, AT + 5);
  return told;
}

const times = (told: readonly Told[]): unknown[] => told.map((it) => [it.name, it.under, it.from, it.to]);

test('the first attempt on a connection begins with opening it, and ends when its outcome is durable', () => {
  const opening = [
    { stage: 'resolve' as const, at: 9400, took: 100 },
    { stage: 'connect' as const, at: 9500, took: 50 },
  ];
  expect(times(tell({ ...delivered, opening }))).toEqual([
    ['wait', trace.traceparent, 9000, 9400],
    ['resolve', 'attempt', 9400, 9500],
    ['connect', 'attempt', 9500, 9550],
    ['transaction', 'attempt', 9900, 10_000],
    ['settle', 'attempt', 10_000, 10_005],
    ['attempt', trace.traceparent, 9400, 10_005],
  ]);
});

test('a later attempt has waited in no span of its own', () => {
  expect(tell(delivered, { attempt: 2 }).map((it) => it.name)).toEqual(['transaction', 'settle', 'attempt']);
});

test('what nobody was asked to take has no transaction, and failed', () => {
  const attempt: Attempt = { stage: 'connect', reply: reply(451, '4.4.1', 'no connection'), own: true, inDoubt: false };
  const told = tell(attempt, { type: 'deferred', attempt: 0, class: 'Technical' });
  expect(told.map((it) => [it.name, it.failed])).toEqual([
    ['settle', undefined],
    ['attempt', 'Technical'],
  ]);
});

test('attributes hold codes and names, no address and no words of the receiver', () => {
  const told = tell({ ...delivered, host: 'mx1.dest.test [192.0.2.1]:25' });
  expect(told.at(-1)?.attributes).toMatchObject({
    'server.address': 'mx1.dest.test',
    'postfleet.reply.status': '2.0.0',
  });
  expect(JSON.stringify(told)).not.toMatch(/@|ann/);
});

test.each([
  ['has no trace', undefined],
  ['has one that nobody keeps', { traceparent: `${trace.traceparent.slice(0, -2)}00` }],
])('nothing is told of a message that %s', (_, context) => {
  const { tracer, told } = tellingTracer();
  const message = aMessage(context ? { trace: context } : {});
  const lease = { id: 1, lane: 'a b c', message, index: 0, recipient: 'b@c', attempts: 0 };
  tellAttempt(tracer, { lease, attempt: delivered, event: { at: AT, attempt: 1 } as MailEvent, site: 's' }, AT);
  expect(told).toEqual([]);
});
