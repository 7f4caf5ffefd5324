/**
 * The streams of a queue: made when they are not there, and looked at when they are. Nothing deletes them.
 */
import { Fault } from '#lib/run/fault.ts';
import type { Streams } from '#lib/nats/streams.ts';
import type { Layout } from './layout.ts';

export interface StreamSizes {
  /** Servers that keep each record. */
  readonly replicas: number;
  /** Bytes of mail that may wait, and of what became of it. A full stream refuses what comes. */
  readonly logBytes: number;
  readonly doneBytes: number;
}

/** In memory: what is in hand is worth nothing once all servers are gone. */
const HAND_BYTES = 64 * 1024 * 1024;
const NANOSECONDS = 1_000_000;
/** For so long the servers know the ids of messages: longer than an unknown end is looked into. */
const DUPLICATES_KNOWN_FOR = 120_000 * NANOSECONDS;

/** Keys are known for as long: longer than any is asked for, and reports are put under one. */
const KEYS_KNOWN_FOR = 8 * 24 * 3_600_000 * NANOSECONDS;

/** What must be so of a stream, whoever made it. */
export interface Wanted {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly storage: 'file' | 'memory';
  readonly discard?: 'new' | 'old';
  readonly sources?: readonly { readonly name: string; readonly filter_subject: string }[];
  readonly max_age?: number;
  readonly max_msgs?: number;
  readonly max_msg_size?: number;
  readonly sealed?: boolean;
  readonly deny_purge?: boolean;
  readonly allow_direct: true;
  readonly allow_atomic?: true;
  readonly allow_msg_ttl?: true;
  readonly max_msgs_per_subject?: number;
  readonly max_bytes?: number;
  readonly num_replicas: number;
  readonly duplicate_window?: number;
}

/** Nothing goes but what is let go of, and that does. */
const ALL_OF_IT = {
  max_age: 0,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
  sealed: false,
  deny_purge: false,
} as const;

export const wantedOf = (layout: Layout, { replicas, logBytes, doneBytes }: StreamSizes): readonly Wanted[] => {
  const kept = {
    storage: 'file',
    discard: 'new',
    allow_direct: true,
    allow_atomic: true,
    ...ALL_OF_IT,
    num_replicas: replicas,
  } as const;
  return [
    {
      name: layout.log,
      subjects: layout.logSubjects,
      ...kept,
      max_bytes: logBytes,
      duplicate_window: DUPLICATES_KNOWN_FOR,
    },
    { name: layout.done, subjects: layout.doneSubjects, ...kept, max_bytes: doneBytes },
    {
      name: layout.keys,
      sources: [{ name: layout.log, filter_subject: layout.allKeys }],
      storage: 'file',
      allow_direct: true,
      max_msgs_per_subject: 1,
      max_age: KEYS_KNOWN_FOR,
      num_replicas: replicas,
    },
    {
      name: layout.hand,
      subjects: layout.handSubjects,
      storage: 'memory',
      discard: 'old',
      allow_direct: true,
      max_msgs_per_subject: 1,
      max_bytes: HAND_BYTES,
      num_replicas: replicas,
    },
  ];
};

/** What of a stream is not as it must be. Sizes are the operator's to change. */
export function differencesOf(wanted: Wanted, found: Readonly<Record<string, unknown>>): string[] {
  const { max_bytes: _, num_replicas: replicas, sources, ...exactly } = wanted;
  const differing = Object.entries(exactly).filter(
    ([name, value]) => JSON.stringify(found[name]) !== JSON.stringify(value),
  );
  const problems = differing.map(
    ([name, value]) => `${name} is ${JSON.stringify(found[name])}, not ${JSON.stringify(value)}`,
  );
  if (sources && !JSON.stringify(found['sources'] ?? []).includes(JSON.stringify(sources[0]?.filter_subject)))
    problems.push(`sources lack ${sources[0]?.name}`);
  if (Number(found['num_replicas'] ?? 1) < replicas) problems.push(`num_replicas is below ${replicas}`);
  if ((found['persist_mode'] ?? 'default') === 'async')
    problems.push('persist_mode is async: what is answered for may be lost');
  if (found['retention'] !== undefined && found['retention'] !== 'limits') problems.push('retention is not limits');
  return problems;
}

/** Fault `nats-settings` when one is there that loses mail. */
export const makeStreams = (streams: Streams, layout: Layout, sizes: StreamSizes): Promise<void> =>
  makeAll(streams, wantedOf(layout, sizes));

/** Fault `nats-settings` when one is there and is not as it must be. */
export async function makeAll(streams: Streams, all: readonly Wanted[]): Promise<void> {
  for (const wanted of all) {
    const { subjects, sources, ...more } = wanted;
    const found = await streams.make({
      ...more,
      ...(subjects && { subjects: [...subjects] }),
      ...(sources && { sources: [...sources] }),
    });
    const [problem] = differencesOf(wanted, { ...found });
    if (problem !== undefined) {
      throw new Fault(
        'nats-settings',
        `stream ${wanted.name}: ${problem}; change it (nats stream edit) or name another queue`,
      );
    }
  }
}
