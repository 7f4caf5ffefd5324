/**
 * What a sender tells us beside the message itself: by JSON in fields, by SMTP in the header, as `X-Postfleet-…`.
 *
 *     X-Postfleet-Tags: welcome, trial          X-Postfleet-Metadata: {"order":"4711"}
 *     X-Postfleet-Send-At: 2026-12-31T23:59:59Z X-Postfleet-Expire-After: 3600
 *     X-Postfleet-Idempotency-Key: order-4711     X-Postfleet-Priority: bulk
 *     X-Postfleet-Traceparent: 00-…             X-Postfleet-Tracestate: vendor=…
 *
 * The same bounds hold for both. An instruction that cannot be followed is refused, never left out, but for a trace that
 * is not valid (W3C Trace Context asks for that); names are compared,
 * never used as keys of an object. The fields are removed before the message is queued (`stamp.ts`).
 */
import { suggestion } from '#crds/nearest.ts';
import type { Infer } from '#crds/schema.ts';
import { type Duration, type Instant, seconds } from '#lib/run/clock.ts';
import { fieldValue, type Header, type HeaderField } from '../mail/header.ts';
import type { Labels } from '../mail/message.ts';
import { errorsOf } from '#crds/field-error.ts';
import { readJson } from '#lib/http/json.ts';
import { instructionsSchema } from './http/schema.ts';
import { readTraceContext, type TraceContext } from '#lib/trace/context.ts';
import { OURS } from './stamp.ts';

export interface Instructions {
  readonly labels?: Labels;
  readonly priority?: 'bulk';
  readonly sendAt?: Instant;
  readonly expireAfter?: Duration;
  /** By SMTP: submitting again under it is harmless. */
  readonly key?: string;
  /** What the sender did it as a part of. */
  readonly trace?: TraceContext;
}

export type InstructionsReading =
  | { readonly kind: 'instructions'; readonly instructions: Instructions }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Values in JSON within a header: names and texts of the metadata, with room to be refused by name. */
const MOST_VALUES = 100;

export const isKey = (text: string): boolean => /^[!-~]{1,255}$/.test(text);
export const SAYS_KEY = 'must be 1 to 255 visible ASCII characters';

/** Names after `X-Postfleet-`, and the field of the schema each is. */
const FIELDS = new Map<string, keyof Infer<typeof instructionsSchema> | 'key' | 'traceparent' | 'tracestate'>([
  ['tags', 'tags'],
  ['metadata', 'metadata'],
  ['priority', 'priority'],
  ['send-at', 'sendAt'],
  ['expire-after', 'expireAfter'],
  ['idempotency-key', 'key'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
]);

/** What the header says; `problem` is a sentence that names the field. */
export function readInstructions(header: Header): InstructionsReading {
  const ours = header.fields.filter((it) => it.name.startsWith(OURS));
  if (ours.length === 0) return { kind: 'instructions', instructions: {} };
  const said = new Map<string, unknown>();
  for (const field of ours) {
    const name = FIELDS.get(field.name.slice(OURS.length));
    if (name === undefined) return invalid(field.name, `is not a known field${suggestion(field.name, KNOWN)}`);
    if (said.has(name)) return invalid(field.name, 'is there twice');
    const reading = READERS[name](header, field);
    if ('problem' in reading) return invalid(field.name, reading.problem);
    said.set(name, reading.value);
  }
  return checked(said);
}

const KNOWN = [...FIELDS.keys()].map((it) => OURS + it);

/** Longer names tell nobody more. */
const LONGEST_NAME = 64;
const invalid = (name: string, problem: string): InstructionsReading => ({
  kind: 'invalid',
  problem: `${name.slice(0, LONGEST_NAME)} ${problem}`,
});

type Reader = (header: Header, field: HeaderField) => { readonly value: unknown } | { readonly problem: string };

const words: Reader = (header, field) => ({
  value: fieldValue(header, field)
    .split(',')
    .map((it) => it.trim()),
});
const whole: Reader = (header, field) => {
  const text = fieldValue(header, field);
  return /^[0-9]{1,9}$/.test(text) ? { value: Number(text) } : { problem: 'must be a whole number of seconds' };
};
const asIs: Reader = (header, field) => ({ value: fieldValue(header, field) });
const object: Reader = (header, field) => {
  const reading = readJson(Buffer.from(fieldValue(header, field, 'latin1'), 'latin1'), MOST_VALUES);
  return reading.kind === 'json'
    ? { value: reading.value }
    : { problem: `must be a JSON object: ${reading.problem.replace('the body', 'it')}` };
};
const key: Reader = (header, field) => {
  const text = fieldValue(header, field);
  return isKey(text) ? { value: text } : { problem: SAYS_KEY };
};

const READERS = {
  tags: words,
  metadata: object,
  priority: asIs,
  sendAt: asIs,
  expireAfter: whole,
  key,
  traceparent: asIs,
  tracestate: asIs,
};

function checked(said: ReadonlyMap<string, unknown>): InstructionsReading {
  const { key: own, traceparent, tracestate, ...rest } = Object.fromEntries(said);
  const parsed = instructionsSchema.safeParse(rest, { reportInput: true });
  if (parsed.success) {
    const instructions = instructionsOf(parsed.data);
    const trace = readTraceContext(textOf(traceparent), textOf(tracestate));
    return {
      kind: 'instructions',
      instructions: { ...instructions, ...(typeof own === 'string' && { key: own }), ...(trace && { trace }) },
    };
  }
  const [error] = parsed.error.issues.flatMap((it) => errorsOf(it, instructionsSchema));
  const [, name = ''] = error?.pointer.split('/') ?? [];
  const [known = ''] = [...FIELDS].find(([, field]) => field === name) ?? [];
  return invalid(OURS + known, error?.detail ?? 'is not as it must be');
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What was said, as the product uses it. */
export function instructionsOf({
  tags,
  metadata,
  priority,
  sendAt,
  expireAfter,
}: Infer<typeof instructionsSchema>): Instructions {
  const hasLabels = tags.length > 0 || Object.keys(metadata).length > 0;
  return {
    ...(hasLabels && { labels: { tags, metadata } }),
    ...(priority === 'bulk' && { priority }),
    ...(sendAt !== undefined && { sendAt: new Date(sendAt).getTime() }),
    ...(expireAfter !== undefined && { expireAfter: seconds(expireAfter) }),
  };
}
