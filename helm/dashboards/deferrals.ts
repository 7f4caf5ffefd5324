/**
 * What was not delivered: to whom, why, and what was done about it. Data only.
 */
import { sendingCounters, sendingGauges } from '#lib/metric/sending.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, perSecond, shareOf } from './promql.ts';

const { attemptsByProvider, failures, connectFailures, rulesFired, suppressed } = sendingCounters;

export const deferrals: Dashboard = {
  uid: 'postfleet-deferrals',
  title: 'Postfleet: deferrals and bounces',
  description: 'What receivers put off or refuse, by provider and class, and what was done about it.',
  chosenBy: [attemptsByProvider.name],
  rows: [
    {
      title: 'By provider',
      panels: [
        {
          title: 'Deferred, by provider',
          description: 'Recipients that are tried again later.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [
            { expr: perSecond(attemptsByProvider, ['provider'], { outcome: 'deferred' }), legend: '{{provider}}' },
          ],
        },
        {
          title: 'Share deferred, by provider',
          description: 'More than half for half an hour: the provider limits or blocks these addresses.',
          unit: 'percentunit',
          queries: [
            {
              expr: shareOf(
                perSecond(attemptsByProvider, ['provider'], { outcome: 'deferred' }),
                perSecond(attemptsByProvider, ['provider']),
              ),
              legend: '{{provider}}',
            },
          ],
        },
        {
          title: 'Bounced and expired, by provider',
          description: 'Recipients that have failed for good.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [
            {
              expr: perSecond(attemptsByProvider, ['provider'], { outcome: 'bounced|expired' }),
              legend: '{{provider}}',
            },
          ],
        },
      ],
    },
    {
      title: 'By class',
      panels: [
        {
          title: 'Deferred, by class',
          description:
            'Frequency/Volume: too fast for them. Reputation: who we are. Technical: a connection or a protocol.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(failures, ['class'], { outcome: 'deferred' }), legend: '{{class}}' }],
        },
        {
          title: 'Bounced and expired, by class',
          description: 'Much Reputation means that an address is on a block list, or a domain has lost its name.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(failures, ['class'], { outcome: 'bounced|expired' }), legend: '{{class}}' }],
        },
        {
          title: 'Addresses suppressed',
          description: 'A receiver said that they are not there: mail to them is refused from then on.',
          unit: 'suffix: /s',
          queries: [{ expr: perSecond(suppressed), legend: 'addresses' }],
        },
      ],
    },
    {
      title: 'Sites and source addresses',
      panels: [
        {
          title: 'Connections that gave no session',
          description:
            'By how far they got. `bind`: one of our own addresses cannot be used; everything else is the receiver.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(connectFailures, ['stage']), legend: '{{stage}}' }],
        },
        {
          title: 'Sites in trouble',
          description:
            'Receivers with mail waiting that could not be reached the last time. `postfleet queue` names them.',
          unit: 'short',
          queries: [{ expr: `sum(${metric(sendingGauges.sitesInTrouble)})`, legend: 'sites' }],
        },
        {
          title: 'Rules fired, by action',
          description: 'What rules over replies did: slower, not at all for a while, or from another address.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(rulesFired, ['action']), legend: '{{action}}' }],
        },
      ],
    },
  ],
};
