/**
 * Mail in and out: how much, how fast, and what became of it. Data only.
 */
import { acceptingCounters, acceptingGauges, acceptingHistograms } from '#lib/metric/accepting.ts';
import { sendingCounters, sendingGauges, sendingHistograms } from '#lib/metric/sending.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, perSecond, quantile } from './promql.ts';

const { accepted, acceptedBytes, refused, smtpReplies } = acceptingCounters;
const { transactionSeconds, queueSeconds, connectSeconds } = sendingHistograms;

export const mail: Dashboard = {
  uid: 'postfleet-mail',
  title: 'Postfleet: mail',
  description: 'How much mail comes in and goes out, how long it takes, and what became of it.',
  chosenBy: [accepted.name],
  rows: [
    {
      title: 'In',
      panels: [
        {
          title: 'Accepted',
          description: 'Recipients of messages that are durably queued.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(accepted, ['via']), legend: '{{via}}' }],
        },
        {
          title: 'Accepted, bytes',
          description: 'How large mail is. The disk has panels of its own.',
          unit: 'Bps',
          queries: [{ expr: perSecond(acceptedBytes), legend: 'bytes' }],
        },
        {
          title: 'Time to accept',
          description:
            'From a whole message to its durable place in the queue. Above a second the disk or the event loop is behind.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, acceptingHistograms.acceptSeconds), legend: 'half below' },
            { expr: quantile(0.99, acceptingHistograms.acceptSeconds), legend: '99 % below' },
          ],
        },
        {
          title: 'Refused, by check',
          description: 'Refusals are the sender’s business, and say why; `storage` is ours.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(refused, ['check']), legend: '{{check}}' }],
        },
        {
          title: 'Replies to senders',
          description:
            'To recipients and whole messages, by code. Many 4xx to messages mean that senders pile up mail.',
          unit: 'suffix: /s',
          queries: [
            {
              expr: perSecond(smtpReplies, ['subject', 'code'], { subject: 'RCPT|message' }),
              legend: '{{subject}} {{code}}',
            },
          ],
        },
        {
          title: 'Connections of senders',
          description: 'Open now, by listener.',
          unit: 'short',
          queries: [{ expr: `sum by (listener) (${metric(acceptingGauges.smtpConnections)})`, legend: '{{listener}}' }],
        },
      ],
    },
    {
      title: 'Out',
      panels: [
        {
          title: 'Attempts, by outcome',
          description: 'Recipients tried, and what became of them.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(sendingCounters.attempts, ['outcome']), legend: '{{outcome}}' }],
        },
        {
          title: 'From acceptance to delivery',
          description: 'Of what was delivered. Receivers that put off some of it do not move the middle.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, queueSeconds), legend: 'half below' },
            { expr: quantile(0.9, queueSeconds), legend: '90 % below' },
            { expr: quantile(0.99, queueSeconds), legend: '99 % below' },
          ],
        },
        {
          title: 'Connections to receivers',
          description: 'Open now. 2000 are the most of a process.',
          unit: 'short',
          queries: [{ expr: `sum(${metric(sendingGauges.deliveryConnections)})`, legend: 'connections' }],
        },
        {
          title: 'Time of a transaction',
          description: 'From its first command to the reply that decided it: the receivers’ time.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, transactionSeconds), legend: 'half below' },
            { expr: quantile(0.99, transactionSeconds), legend: '99 % below' },
          ],
        },
        {
          title: 'Time to open a connection, 99 % below',
          description: 'By stage: TCP, the greeting, TLS.',
          unit: 's',
          queries: [{ expr: quantile(0.99, connectSeconds, ['stage']), legend: '{{stage}}' }],
        },
      ],
    },
  ],
};
