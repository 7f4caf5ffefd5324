/**
 * W3C Trace Context (www.w3.org/TR/trace-context): which trace something belongs to, as it travels in headers. Pure.
 *
 * Promises: what is not valid is as if it were not there, and costs nobody anything; what is kept is short. A version
 * newer than ours is understood as far as ours goes, and passed on as ours, as the standard asks.
 */

/** Under which span what comes next belongs. */
export interface TraceContext {
  /** `00-<32 hex: trace>-<16 hex: span>-<2 hex: flags>` */
  readonly traceparent: string;
  /** What other systems on the way have noted for themselves. */
  readonly tracestate?: string;
}

/** `traceparent` taken apart. */
export interface TraceParts {
  readonly trace: string;
  readonly span: string;
  readonly flags: number;
}

/** Bit of the flags: somebody keeps this trace. */
const SAMPLED = 1;
/** Bits of the flags that have a meaning today. */
const KNOWN_FLAGS = 3;
/** The standard asks for 512 to be passed on; what is longer is dropped whole. */
const LONGEST_STATE = 512;
const MOST_MEMBERS = 32;
/** A newer version may be longer than ours. */
const LONGEST_PARENT = 256;

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const MEMBER = /^[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Undefined when there is none, or none that is valid; a `tracestate` that is not valid goes alone. */
export function readTraceContext(traceparent: string, tracestate = ''): TraceContext | undefined {
  const parts = partsOf(traceparent);
  if (!parts) return undefined;
  const { trace, span, flags } = parts;
  const state = stateOf(tracestate);
  return {
    traceparent: parentOf({ trace, span, flags: flags & KNOWN_FLAGS }),
    ...(state !== '' && { tracestate: state }),
  };
}

export const parentOf = ({ trace, span, flags }: TraceParts): string =>
  `00-${trace}-${span}-${flags.toString(16).padStart(2, '0')}`;

export function partsOf(traceparent: string): TraceParts | undefined {
  const text = traceparent.length > LONGEST_PARENT ? '' : traceparent.trim();
  const [, version = 'ff', trace = '', span = '', flags = '', more] = PARENT.exec(text) ?? [];
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(trace) || /^0+$/.test(span)) return undefined;
  return { trace, span, flags: Number.parseInt(flags, 16) };
}

/** Whether somebody keeps the trace: only then is anything told of it. */
export const isSampled = ({ traceparent }: TraceContext): boolean =>
  (Number.parseInt(traceparent.slice(-2), 16) & SAMPLED) === SAMPLED;

function stateOf(tracestate: string): string {
  if (tracestate.length > LONGEST_STATE) return '';
  const members = tracestate
    .split(',')
    .map((it) => it.trim())
    .filter((it) => it !== '');
  return members.length <= MOST_MEMBERS && members.every((it) => MEMBER.test(it)) ? members.join(',') : '';
}
