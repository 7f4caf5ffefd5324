/**
 * What is asked of whoever holds a shard, and how it crosses: a question as JSON, rows as lines of it. No I/O.
 */
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Cancelling, LaneName, Move, Selection } from '../queue.ts';

export type Question =
  | { readonly kind: 'cancel'; readonly cancelling: Cancelling }
  | { readonly kind: 'depth' }
  | { readonly kind: 'list'; readonly selection: Selection; readonly max: number }
  | { readonly kind: 'glance'; readonly lane: LaneName }
  | { readonly kind: 'move'; readonly selection: Selection; readonly move: Move };

const VERSION = 1;
/** Characters; the server takes 1 MiB (max_payload). */
const PART_LENGTH = 256 * 1024;

export const encodeQuestion = (question: Question): Buffer => Buffer.from(JSON.stringify({ v: VERSION, ...question }));

/** Fault `question-unknown` when another release asks. */
export function decodeQuestion(bytes: Buffer): Question {
  try {
    const { v, ...question } = JSON.parse(bytes.toString()) as Question & { readonly v: number };
    if (v === VERSION) return question;
  } catch (cause) {
    throw new Fault('question-unknown', `a question is damaged: ${reasonOf(cause)}`, { cause });
  }
  throw new Fault(
    'question-unknown',
    'a question is of a release that is not known here: let all workers run the same',
  );
}

/** In parts, each of whole rows. */
export function encodeRows(rows: readonly unknown[]): Buffer[] {
  const parts: Buffer[] = [];
  let text = '';
  for (const row of rows) {
    const line = `${JSON.stringify(row)}\n`;
    if (text.length > 0 && text.length + line.length > PART_LENGTH) {
      parts.push(Buffer.from(text));
      text = '';
    }
    text += line;
  }
  return text === '' ? parts : [...parts, Buffer.from(text)];
}

export const decodeRows = (parts: readonly Buffer[]): unknown[] =>
  parts.flatMap((it) => it.toString().split('\n').slice(0, -1)).map((line) => JSON.parse(line) as unknown);
