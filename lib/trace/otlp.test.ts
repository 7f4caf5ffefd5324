import { afterEach, expect, test, vi } from 'vitest';
import { Collector } from '../../test/harness/collector.ts';
import { until } from '../../test/harness/until.ts';
import { type Clock, seconds, systemClock } from '../run/clock.ts';
import { FakeClock } from '../run/fake-clock.ts';
import type { Log } from '../run/log.ts';
import { isSampled } from './context.ts';
import { openOtlp } from './otlp.ts';
import type { Sampling } from './tracer.ts';

const PARENT = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'rojo=1' };
const NOT_KEPT = { traceparent: `${PARENT.traceparent.slice(0, -2)}00` };
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const told: string[] = [];
const log: Log = {
  info: (message) => told.push(message),
  warn: (message) => told.push(message),
  error: (message) => told.push(message),
  flush: async () => undefined,
};

/** The exporter reads the variables by itself. */
async function openTracing(sampling: Sampling, status = 200, clock: Clock = systemClock) {
  const collector = await Collector.listen();
  collector.status = status;
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.url);
  vi.stubEnv('OTEL_SERVICE_NAME', 'mail of the shop');
  const tracer = openOtlp({ clock, log, sampling });
  return { collector, tracer };
}

afterEach(() => {
  vi.unstubAllEnvs();
  told.length = 0;
});

test('a span reaches the collector with its parent, its state, its attributes, and how it ended', async () => {
  const { collector, tracer } = await openTracing({ share: 1, byParent: true });
  const span = tracer.start('accept', 'server', 1_000_000_000_000, PARENT);
  const child = tracer.start('attempt', 'client', 1_000_000_000_001, span.context);
  child.end(1_000_000_000_250, { 'postfleet.tenant': 'shop', nothing: undefined }, 'Technical');
  span.end(1_000_000_000_300);
  await tracer.close();
  expect(collector.of(TRACE)).toMatchObject([
    { name: 'attempt', begun: 1_000_000_000_001, ended: 1_000_000_000_250, failed: true },
    { name: 'accept', parentSpanId: '00f067aa0ba902b7', traceState: 'rojo=1', failed: false },
  ]);
  const [attempt, accept] = collector.spans;
  expect(attempt?.parentSpanId).toBe(accept?.spanId);
  expect(attempt?.attributes).toEqual({ 'postfleet.tenant': 'shop' });
  expect(span.context).toEqual({ traceparent: `00-${TRACE}-${accept?.spanId}-01`, tracestate: 'rojo=1' });
  expect(collector.text).toContain('mail of the shop');
  await collector.close();
});

test.each([
  ['a parent decides, where it may', { share: 1, byParent: true }, NOT_KEPT, false],
  ['a parent decides, against the share', { share: 0, byParent: true }, PARENT, true],
  ['a parent is not asked, where it may not decide', { share: 0, byParent: false }, PARENT, false],
  ['without a parent the share decides: none', { share: 0, byParent: true }, undefined, false],
  ['without a parent the share decides: all', { share: 1, byParent: true }, undefined, true],
])('%s', async (_, sampling, parent, kept) => {
  const { collector, tracer } = await openTracing(sampling);
  const span = tracer.start('accept', 'server', 1, parent);
  span.end(2);
  await tracer.close();
  expect([isSampled(span.context), collector.spans.length]).toEqual([kept, kept ? 1 : 0]);
  await collector.close();
});

test('a share of traces is about that share', async () => {
  const { collector, tracer } = await openTracing({ share: 0.25, byParent: true });
  const kept = Array.from({ length: 4000 }, () => tracer.start('accept', 'server', 1).context).filter(isSampled);
  expect(kept.length).toBeGreaterThan(800);
  expect(kept.length).toBeLessThan(1200);
  await tracer.close();
  await collector.close();
});

test('a collector that never answers holds up nobody, and spans that do not fit are dropped', async () => {
  const clock = new FakeClock();
  const { collector, tracer } = await openTracing({ share: 1, byParent: true }, 0, clock);
  const begun = performance.now();
  for (let at = 0; at < 20_000; at += 1) tracer.start('accept', 'server', at).end(at + 1);
  expect(performance.now() - begun).toBeLessThan(5000);
  const closing = tracer.close();
  clock.advance(seconds(3));
  await closing;
  expect(collector.spans).toEqual([]);
  await collector.close();
});

test('a collector that refuses is told of once', async () => {
  const { collector, tracer } = await openTracing({ share: 1, byParent: true }, 400);
  for (let batch = 0; batch < 3; batch += 1)
    for (let at = 0; at < 512; at += 1) tracer.start('accept', 'server', at).end(at);
  await until('it is told of', () => told.length > 0);
  await tracer.close();
  expect(told).toEqual(['spans cannot be sent']);
  await collector.close();
});
