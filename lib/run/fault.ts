/**
 * A fault: the world failed (disk full, port taken, file unreadable), and somebody may act on it.
 *
 * One class, told apart by `code`, a stable word callers and operators may rely on. Expected results are values, not
 * faults; broken assumptions are assertions. `message` is a sentence that ends with the next step where there is one,
 * and never holds a secret.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything that was thrown. */
export const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

/** The errno or Fault code of anything that was thrown: `EADDRINUSE`, `ENOENT`, `data-locked`; empty when it has none. */
export function codeOf(thrown: unknown): string {
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : '';
}
