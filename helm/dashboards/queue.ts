/**
 * The queue: how much waits, for how long, and what it is kept on. Data only.
 */
import { sendingCounters } from '#lib/metric/sending.ts';
import { storingGauges, storingHistograms } from '#lib/metric/storing.ts';
import { acceptingCounters } from '#lib/metric/accepting.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, perSecond, quantile } from './promql.ts';

const { queueDepth, queueOldestDue, diskFree, diskReserve, leasedBytes } = storingGauges;
const { commitSeconds } = storingHistograms;

export const queue: Dashboard = {
  uid: 'postfleet-queue',
  title: 'Postfleet: queue',
  description: 'How much waits and for how long, and the disk under it.',
  chosenBy: [queueDepth.name],
  rows: [
    {
      title: 'What waits',
      panels: [
        {
          title: 'Queued recipients',
          description: 'Queued and not ended, by process. A large queue is no trouble in itself.',
          unit: 'short',
          isStacked: true,
          queries: [{ expr: metric(queueDepth), legend: '{{instance}}' }],
        },
        {
          title: 'Oldest mail that is due',
          description:
            'For how long the mail that waits longest could have been tried. An hour is worth a look: `postfleet queue` says what it waits for.',
          unit: 's',
          queries: [{ expr: metric(queueOldestDue), legend: '{{instance}}' }],
        },
        {
          title: 'In and out',
          description: 'Recipients accepted, and those that have ended. Apart for long: the queue grows.',
          unit: 'suffix: /s',
          queries: [
            { expr: perSecond(acceptingCounters.accepted), legend: 'accepted' },
            {
              expr: perSecond(sendingCounters.attempts, [], { outcome: 'delivered|bounced|expired' }),
              legend: 'ended',
            },
          ],
        },
      ],
    },
    {
      title: 'What it is kept on',
      panels: [
        {
          title: 'Time of a commit',
          description: 'From the writes that share it to the word that the disk has them. An SSD takes milliseconds.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, commitSeconds), legend: 'half below' },
            { expr: quantile(0.99, commitSeconds), legend: '99 % below' },
          ],
        },
        {
          title: 'Room on the disk',
          description: 'At the reserve new mail is put off with 452.',
          unit: 'bytes',
          queries: [
            { expr: metric(diskFree), legend: 'free {{instance}}' },
            { expr: metric(diskReserve), legend: 'reserve {{instance}}' },
          ],
        },
        {
          title: 'Messages in memory',
          description: 'Bytes of messages that connections to receivers hold; 256 MB at most.',
          unit: 'bytes',
          queries: [{ expr: metric(leasedBytes), legend: '{{instance}}' }],
        },
      ],
    },
  ],
};
