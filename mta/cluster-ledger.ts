/**
 * The ledger on NATS, beside the queue: what all processes know together.
 */
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { ClusterQueue } from './cluster-queue.ts';
import type { Ground } from './ground.ts';
import { patiently } from './patience.ts';
import { LEDGER_VIEW_TABLES, openStreamLedger, type StreamLedger } from './settle/ledger/jetstream/open.ts';

/** What holds now is small beside what was said. */
const FACTS_PART = 1 / 4;

export async function openClusterLedger(
  { clock, log, name: writer }: Ground,
  { streams, name, shards, replicas, bytes, nextName, openView }: ClusterQueue,
  opened: AsyncDisposableStack,
): Promise<StreamLedger> {
  const troubled = (thrown: unknown): void =>
    log.warn('the ledger on NATS is behind', { code: codeOf(thrown), reason: reasonOf(thrown) });
  const open = () =>
    openStreamLedger({
      streams,
      name,
      shards,
      replicas,
      factBytes: Math.floor(bytes * FACTS_PART),
      eventBytes: bytes,
      clock,
      ioClock: clock,
      nextName,
      writer,
      openView: () => openView(LEDGER_VIEW_TABLES),
      troubled,
    });
  return opened.adopt(await patiently(open, { clock, log }), (it) => it.close());
}
