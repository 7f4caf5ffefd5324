/**
 * A tracer that sends spans by OTLP over HTTP, as JSON. The only file that imports OpenTelemetry; loaded when it is on.
 *
 * At most `MOST_WAITING` spans wait, and one batch at a time is on its way: a collector that is slow or gone costs spans, counted,
 * and nothing else. Endpoint, headers, time-outs, compression and the resource are the libraries' to read.
 */
import {
  createTraceState,
  ROOT_CONTEXT,
  SpanKind as Kind,
  SpanStatusCode,
  trace,
  type Context,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { type Duration, seconds, sleep } from '../run/clock.ts';
import type { Log } from '../run/log.ts';
import { metrics } from '../run/metrics.ts';
import { isSampled, parentOf, partsOf, type TraceContext } from './context.ts';
import type { Sampling, Span, SpanKind, Tracer, TracerOptions } from './tracer.ts';

const MOST_WAITING = 4096;
const BATCH = 512;
/** On their way at once: one, and at the end all that waits. */
const BATCHES = MOST_WAITING / BATCH + 1;
const EVERY: Duration = seconds(2);
/** The longest a batch is tried. */
const PATIENCE: Duration = seconds(10);
const LONGEST_CLOSE: Duration = seconds(3);

/** The code of a result that says so. */
const SUCCESS = 0;

const KINDS: Readonly<Record<SpanKind, Kind>> = { server: Kind.SERVER, client: Kind.CLIENT, internal: Kind.INTERNAL };

export function openOtlp({ clock, log, sampling }: TracerOptions): Tracer {
  const processor = new BatchSpanProcessor({
    exporter: counted(new OTLPTraceExporter({ timeoutMillis: PATIENCE, concurrencyLimit: BATCHES }), log),
    maxQueueSize: MOST_WAITING,
    maxExportBatchSize: BATCH,
    scheduledDelayMillis: EVERY,
    exportTimeoutMillis: PATIENCE + seconds(1),
  });
  const named = defaultResource().merge(resourceFromAttributes({ 'service.name': 'postfleet' }));
  const resource = named.merge(detectResources({ detectors: [envDetector] }));
  const provider = new TracerProvider({ resource, sampler: samplerOf(sampling), spanProcessors: [processor] });
  const tracer = provider.getTracer('postfleet');
  return {
    start(name, kind, startTime, parent) {
      const span = tracer.startSpan(name, { kind: KINDS[kind], startTime }, contextOf(parent));
      const { traceId, spanId, traceFlags, traceState } = span.spanContext();
      const state = traceState?.serialize();
      const context: TraceContext = {
        traceparent: parentOf({ trace: traceId, span: spanId, flags: traceFlags }),
        ...(state && { tracestate: state }),
      };
      return { context, end: ending(span, isSampled(context)) };
    },
    async close() {
      await Promise.race([provider.shutdown().catch(() => undefined), sleep(clock, LONGEST_CLOSE)]);
    },
  };
}

function ending(span: ReturnType<ReturnType<TracerProvider['getTracer']>['startSpan']>, isKept: boolean): Span['end'] {
  return (at, attributes = {}, failed) => {
    if (!isKept) return;
    metrics.spans.inc({ what: 'told' });
    span.setAttributes(attributes);
    if (failed !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failed });
    span.end(at);
  };
}

function contextOf(parent: TraceContext | undefined): Context {
  const parts = parent && partsOf(parent.traceparent);
  if (!parent || !parts) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parts.trace,
    spanId: parts.span,
    traceFlags: parts.flags,
    isRemote: true,
    ...(parent.tracestate !== undefined && { traceState: createTraceState(parent.tracestate) }),
  });
}

function samplerOf({ share, byParent }: Sampling): Sampler {
  const root =
    share === 1 ? new AlwaysOnSampler() : share === 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(share);
  return byParent ? new ParentBasedSampler({ root }) : root;
}

/** Says once when spans cannot be sent, and once when they can again. */
function counted(exporter: SpanExporter, log: Log): SpanExporter {
  let isBroken = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const code: number = result.code;
        const failed = code !== SUCCESS;
        metrics.spans.inc({ what: failed ? 'failed' : 'sent' }, spans.length);
        if (failed && !isBroken) log.warn('spans cannot be sent', { reason: result.error?.message ?? 'unknown' });
        if (!failed && isBroken) log.info('spans can be sent again');
        isBroken = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
