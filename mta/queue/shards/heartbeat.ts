/**
 * What a worker says of itself every second: its name, and which shards it holds since when. No I/O.
 *
 * Told over NATS without being kept: who hears nothing knows that it is cut off.
 */

export interface Heartbeat {
  readonly name: string;
  /** It gives up what it holds, and takes nothing. */
  readonly isLeaving: boolean;
  /** Epochs, by shard. */
  readonly held: ReadonlyMap<number, number>;
}

export const encodeHeartbeat = ({ name, isLeaving, held }: Heartbeat): Buffer =>
  Buffer.from(JSON.stringify({ v: 1, name, leaving: isLeaving, held: [...held] }));

/** Undefined when it is none of this version. */
export function decodeHeartbeat(bytes: Uint8Array): Heartbeat | undefined {
  try {
    const { v, name, leaving, held } = JSON.parse(Buffer.from(bytes).toString()) as Readonly<Record<string, unknown>>;
    if (v !== 1 || typeof name !== 'string' || typeof leaving !== 'boolean' || !isHeld(held)) return undefined;
    return { name, isLeaving: leaving, held: new Map(held) };
  } catch {
    return undefined;
  }
}

const isHeld = (value: unknown): value is [number, number][] =>
  Array.isArray(value) &&
  value.every((it) => Array.isArray(it) && it.length === 2 && it.every((number) => Number.isSafeInteger(number)));
