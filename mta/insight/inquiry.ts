/**
 * What the processes of a cluster ask each other for people, and what each answers of its own part. Values and how they cross; no I/O.
 */
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Explanation, Live, SendingState } from '../mail/explanation.ts';
import type { Chosen, Counted, Handling } from '../mail/operation.ts';
import type { Asked } from './insight.ts';
import type { QueueFilter } from './queue-rows.ts';

export type Inquiry =
  | { readonly kind: 'view'; readonly filter: QueueFilter }
  | { readonly kind: 'explain'; readonly asked: Asked }
  | { readonly kind: 'live' }
  | { readonly kind: 'count'; readonly about: Chosen }
  | { readonly kind: 'carry-out'; readonly handling: Handling };

/** What is answered to each. */
export interface Answers {
  readonly view: SendingState;
  readonly explain: Explanation;
  readonly live: Live;
  readonly count: Counted;
  readonly 'carry-out': number;
}

/** What one process answers, and the shards that it answers for: all of what was asked, as far as they go. */
export interface Told<T> {
  /** For people. */
  readonly process: string;
  readonly shards: readonly number[];
  readonly told: T;
}

const VERSION = 1;
/** Bytes; the server takes 1 MiB (max_payload). */
const PART_BYTES = 256 * 1024;

export const encodeInquiry = (inquiry: Inquiry): Buffer => Buffer.from(JSON.stringify({ v: VERSION, ...inquiry }));

/** Fault `question-unknown` when another release asks. */
export function decodeInquiry(bytes: Buffer): Inquiry {
  const { v, ...inquiry } = read(bytes) as Inquiry & { readonly v: number };
  if (v === VERSION) return inquiry;
  throw new Fault('question-unknown', 'another release asks: let all processes run the same');
}

export function encodeTold(told: Told<unknown>): Buffer[] {
  const bytes = Buffer.from(JSON.stringify(told));
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) parts.push(bytes.subarray(at, at + PART_BYTES));
  return parts;
}

export const decodeTold = <T>(parts: readonly Buffer[]): Told<T> => read(Buffer.concat(parts)) as Told<T>;

function read(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new Fault('question-unknown', `what another process says is damaged: ${reasonOf(cause)}`, { cause });
  }
}
