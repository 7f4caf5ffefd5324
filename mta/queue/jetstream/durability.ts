/**
 * Whether what the servers answer for is on their disks. No I/O.
 *
 * A server syncs every two minutes unless it is told to sync always, and answers before it does: a power cut then loses what was
 * answered for. A server that nobody has looked at counts as one that does.
 */
import type { ServerSeen } from '#lib/nats/monitor.ts';
import type { Durability } from '#lib/nats/report.ts';

/** Before it, replicas sync each record for itself, and batches are missing some of what the queue relies on. */
const OLDEST = [2, 15] as const;

/** What speaks against it, a sentence each; none: it is durable. `keeping`: the servers that keep the streams. */
export function doubtsOf(seen: readonly ServerSeen[], keeping: readonly string[]): string[] {
  const known = new Set(seen.map((it) => it.name));
  return [
    ...keeping
      .filter((it) => !known.has(it))
      .map((it) => `nobody knows how NATS server ${it} is set: name its monitoring address`),
    ...seen
      .filter((it) => !isNewEnough(it.version))
      .map((it) => `NATS server ${it.name} is of version ${it.version}: at least ${OLDEST.join('.')} is needed`),
    ...seen
      .filter((it) => !it.syncsAlways)
      .map((it) => `NATS server ${it.name} answers before it has synced: set jetstream { sync_interval: always }`),
  ];
}

/** What a person who looks at a cluster reads of the same. */
export function durabilityOf(seen: readonly ServerSeen[], keeping: readonly string[]): Durability {
  const known = new Set(seen.map((it) => it.name));
  if (seen.some((it) => !it.syncsAlways || !isNewEnough(it.version))) return 'Weaker';
  return keeping.length > 0 && keeping.every((it) => known.has(it)) ? 'Fsync' : 'Unknown';
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
