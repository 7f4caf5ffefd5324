/**
 * How an append to a stream ended, as a server says it. No I/O.
 */

/** `sequence` is that of the last message; those of a batch have the ones before it, without a gap. */
export type Appended =
  | { readonly kind: 'stored'; readonly sequence: number }
  /** One of the same id is there already: nothing was appended. */
  | { readonly kind: 'duplicate' }
  /** A subject does not end where it was expected to: nothing was appended. */
  | { readonly kind: 'moved-on' }
  | { readonly kind: 'full'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Error codes of the server (server/errors.json of nats-server 2.15). */
const WRONG_LAST_SEQUENCE = new Set([10_071, 10_164]);
const DUPLICATE_IN_BATCH = 10_201;
/** Part of a batch was lost on its way: nothing was appended, the same may be asked again. */
const INCOMPLETE_BATCH = 10_176;
const FULL = new Set([10_023, 10_047, 10_077, 10_122]);
interface PubAck {
  readonly error?: { readonly err_code?: number; readonly description?: string };
  readonly seq?: number;
  readonly duplicate?: boolean;
}

/** Of an append that nobody answered. */
export const unknownOf = (thrown: unknown): Appended => ({ kind: 'unknown', reason: String(thrown) });

/** What the server's answer to an append says. */
export function appendedOf(answer: Uint8Array): Appended {
  const { error, seq = 0, duplicate } = JSON.parse(Buffer.from(answer).toString()) as PubAck;
  if (duplicate === true) return { kind: 'duplicate' };
  if (!error) return { kind: 'stored', sequence: seq };
  const { err_code: code = 0, description: reason = '' } = error;
  if (code === DUPLICATE_IN_BATCH) return { kind: 'duplicate' };
  if (WRONG_LAST_SEQUENCE.has(code)) return { kind: 'moved-on' };
  if (code === INCOMPLETE_BATCH) return { kind: 'unknown', reason };
  return { kind: FULL.has(code) ? 'full' : 'refused', reason: `${code} ${reason}` };
}
