/**
 * Composition of looking and ordering in a cluster: this process answers for its part, and asks all.
 */
import { isOver } from '../mail/suspension.ts';
import type { ClusterQueue } from '../roles/cluster-queue.ts';
import type { Ground } from '../roles/ground.ts';
import type { Share } from '../queue/shards/share.ts';
import { liveHere, MOST_LISTED, type Sending } from './sending.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import { WholeCluster } from './whole-cluster.ts';
import type { MailWorker } from '../work/worker.ts';

/** What a process that sends has. */
export interface Part {
  readonly worker: MailWorker;
  readonly share: Share;
}

export function openClusterSending(
  { clock, name: process }: Ground,
  { connection, queue, name, shards, nextName }: ClusterQueue,
  orders: Pick<Orders, 'suspensions'>,
  opened: AsyncDisposableStack,
  part?: Part,
): Sending {
  const cluster = new WholeCluster({ connection, clock, name, shards });
  const own = {
    process,
    by: nextName(),
    live: () => liveHere(clock),
    shards: async (forGood: boolean) => part?.share.surelyHeld(forGood) ?? [],
    ...(part && { worker: workerOf(part.worker) }),
  };
  opened.adopt(cluster.answerFor(own), (it) => it.stop());
  return {
    view: (asked) => cluster.view(asked),
    explain: (asked) => cluster.explain(asked),
    live: () => cluster.live(),
    hands: cluster,
    standing: {
      current: async () =>
        (await orders.suspensions()).filter((it) => !isOver(it, clock.now())).toSorted((a, b) => a.at - b.at),
      // Here at once; everybody else hears of it from the ledger.
      begin: (order) => part?.worker.standing.begin(order),
      end: (ids) => part?.worker.standing.end(ids),
    },
    pendingOf: (message) => queue.everywhere.list({ message }, MOST_LISTED),
  };
}

const workerOf = ({ insight, hands }: MailWorker): Pick<Sending, 'view' | 'explain' | 'hands'> => ({
  view: (asked) => insight.view(asked),
  explain: (asked) => insight.explain(asked),
  hands,
});
