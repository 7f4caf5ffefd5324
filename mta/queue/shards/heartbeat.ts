/**
 * What a worker says of itself every second: its name, which shards it holds since when, and which it could take at once. No I/O.
 *
 * Told over NATS without being kept: who hears nothing knows that it is cut off.
 */

export interface Heartbeat {
  readonly name: string;
  /** It gives up what it holds, and takes nothing. */
  readonly isLeaving: boolean;
  /** Epochs, by shard. */
  readonly held: ReadonlyMap<number, number>;
  /** Shards that it has read while another holds them; undefined when it is of a release that does not say. */
  readonly ready?: ReadonlySet<number> | undefined;
}

export const encodeHeartbeat = ({ name, isLeaving, held, ready }: Heartbeat): Buffer =>
  Buffer.from(JSON.stringify({ v: 1, name, leaving: isLeaving, held: [...held], ready: ready && [...ready] }));

/** Undefined when it is none of this version. */
export function decodeHeartbeat(bytes: Uint8Array): Heartbeat | undefined {
  try {
    const { v, name, leaving, held, ready } = JSON.parse(Buffer.from(bytes).toString()) as Readonly<
      Record<string, unknown>
    >;
    if (v !== 1 || typeof name !== 'string' || typeof leaving !== 'boolean' || !isHeld(held)) return undefined;
    const beat = { name, isLeaving: leaving, held: new Map(held) };
    if (ready === undefined) return beat;
    return areNumbers(ready) ? { ...beat, ready: new Set(ready) } : undefined;
  } catch {
    return undefined;
  }
}

const isHeld = (value: unknown): value is [number, number][] =>
  Array.isArray(value) && value.every((it) => areNumbers(it) && it.length === 2);

const areNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((it) => Number.isSafeInteger(it));
