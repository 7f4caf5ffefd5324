/**
 * A message as it lies in a stream. No I/O.
 */

export interface Stored {
  readonly seq: number;
  readonly subject: string;
  /** '' for one it has not. */
  header(name: string): string;
  readonly payload: Buffer;
}

/** As the library gives it. */
interface Given {
  readonly seq: number;
  readonly subject: string;
  readonly header: { get(name: string): string } | undefined;
  readonly data: Uint8Array;
}

/** Its bytes stay where they are. */
export const storedOf = ({ seq, subject, header, data }: Given): Stored => ({
  seq,
  subject,
  header: (name) => header?.get(name) ?? '',
  payload: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
});
