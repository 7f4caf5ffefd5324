/**
 * The ledger on NATS, beside the queue: what all processes know together; and what lets go of the streams that it copies from.
 */
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import type { ClusterQueue } from './cluster-queue.ts';
import type { Ground } from './ground.ts';
import { patiently } from './patience.ts';
import { trimNowAndThen } from './trimming.ts';
import { LEDGER_VIEW_TABLES, openStreamLedger, type StreamLedger } from '../settle/ledger/jetstream/open.ts';

/** What holds now is small beside what was said. */
const FACTS_PART = 1 / 4;

export async function openClusterLedger(
  { clock, log, name: writer }: Ground,
  { queue, streams, name, shards, replicas, bytes, nextName, openView }: ClusterQueue,
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
  const ledger = opened.adopt(await patiently(open, { clock, log }), (it) => it.close());
  const failed = (reason: string): void => log.warn('the streams cannot be trimmed', { reason });
  opened.adopt(trimNowAndThen({ queue, ledger, clock, failed }), (it) => it.stop());
  return ledger;
}
