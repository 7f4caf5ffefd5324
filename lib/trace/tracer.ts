/**
 * PORT: spans, told to whoever collects them. Where tracing is off there is no tracer, and nothing of it is loaded.
 *
 * Promises every tracer keeps: telling never waits, never throws and holds a bounded number of spans, however slow or
 * dead the collector is: what does not fit is dropped. Attributes are ids, names and codes; never addresses or content.
 */
import type { Clock, Instant } from '../run/clock.ts';
import type { Log } from '../run/log.ts';
import type { TraceContext } from './context.ts';

/** `server`: done for somebody who asked. `client`: asked of somebody else. */
export type SpanKind = 'server' | 'client' | 'internal';

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Span {
  /** What is done as part of it belongs under this. */
  readonly context: TraceContext;
  /** Once. `failed`: why, in a word. */
  end(at: Instant, attributes?: Attributes, failed?: string): void;
}

export interface Tracer {
  /** Under `parent`, whose sampling it shares; without one it begins a trace, which is kept as the settings say. */
  start(name: string, kind: SpanKind, at: Instant, parent?: TraceContext): Span;
  /** Resolves when what was told is with the collector, or after a few seconds. */
  close(): Promise<void>;
}

export interface TracerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly sampling: Sampling;
}

/** Which traces are kept: a share of them, and whether a parent decides where there is one. */
export interface Sampling {
  readonly share: number;
  readonly byParent: boolean;
}
