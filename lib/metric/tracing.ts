/**
 * Metrics of spans, where tracing is on. Data only.
 */
import type { Declaration } from './declaration.ts';

export const tracingCounters = {
  spans: {
    name: 'postfleet_spans_total',
    help: 'Spans of traces that are kept, and what became of them; those that are neither sent nor failed were dropped, but for the last few.',
    unit: 'spans',
    labels: {
      what: { values: { told: 'handed to the exporter', sent: 'taken by the collector', failed: 'given up' } },
    },
    alert: {
      name: 'PostfleetLosesSpans',
      when: 'sum(increase(postfleet_spans_total{what="sent"}[30m])) < 0.5 * sum(increase(postfleet_spans_total{what="told"}[30m]))',
      lasts: '30m',
      severity: 'ticket',
      why: 'Half of the spans do not reach the collector: it is away, or there are more than it takes. Mail is not held up by it. Keep fewer traces (`OTEL_TRACES_SAMPLER_ARG`).',
    },
  },
} as const satisfies Record<string, Declaration>;
