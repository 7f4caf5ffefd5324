/**
 * What people look up and order about mail that is sent: of this process, or of all that send together (`whole-cluster.ts`).
 */
import type { Clock } from '#lib/run/clock.ts';
import { countsSoFar } from '#lib/run/metrics.ts';
import type { Live } from '../mail/explanation.ts';
import type { MessageId } from '../mail/message.ts';
import type { Hands } from '../mail/operation.ts';
import type { Reached } from '../mail/reached.ts';
import type { Standing } from '../operate/suspending.ts';
import type { Pending, Queue } from '../queue/queue.ts';
import type { InsightParts } from '../watch/admin-insight.ts';
import type { MailWorker } from '../work/worker.ts';

export interface Sending extends Omit<InsightParts, 'suspensions'> {
  readonly hands: Hands;
  readonly standing: Standing;
  /** Recipients of a message that have not ended. */
  readonly pendingOf: (id: MessageId) => Promise<Reached<readonly Pending[]>>;
}

/** More recipients than one message may have. */
export const MOST_LISTED = 10_000;

/** Where one process sends all there is. */
export const sendingHere = ({ insight, hands, standing }: MailWorker, queue: Queue, clock: Clock): Sending => ({
  view: (asked) => insight.view(asked),
  explain: (asked) => insight.explain(asked),
  live: () => liveHere(clock),
  hands,
  standing,
  pendingOf: async (message) => ({ found: await queue.list({ message }, MOST_LISTED), missing: [] }),
});

/** What this process counted since its start. */
export const liveHere = async (clock: Clock): Promise<Live> => ({ at: clock.now(), counts: await countsSoFar() });
