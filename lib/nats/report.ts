/**
 * What a pod tells the operator of its queue on NATS: whether what is answered for is on disk, and how many shards it owns. Pure.
 */

/** `Fsync`: it survives a power cut. `Weaker`: it may not. `Unknown`: nobody knows how some server is set. */
export const DURABILITIES = ['Fsync', 'Weaker', 'Unknown'] as const;
export type Durability = (typeof DURABILITIES)[number];

export interface QueueWord {
  readonly durability: Durability;
  /** Why it is not `Fsync`, a sentence of at most 300 characters; empty if it is. */
  readonly doubt: string;
  /** Of a worker: how many it owns. */
  readonly shards?: number;
}

/** The annotation. */
export const QUEUE_REPORT = 'postfleet.io/queue';

const LONGEST_DOUBT = 300;

export const queueText = ({ doubt, ...word }: QueueWord): string =>
  JSON.stringify({ ...word, doubt: doubt.slice(0, LONGEST_DOUBT) });

/** Undefined for anything else. */
export function queueWordIn(told: unknown): QueueWord | undefined {
  const { durability, doubt, shards } = (told ?? {}) as Partial<QueueWord>;
  const isKnown = durability !== undefined && DURABILITIES.includes(durability);
  if (!isKnown || typeof doubt !== 'string') return undefined;
  const isCount = Number.isInteger(shards) && (shards ?? -1) >= 0;
  return { durability, doubt: doubt.slice(0, LONGEST_DOUBT), ...(isCount && shards !== undefined && { shards }) };
}
