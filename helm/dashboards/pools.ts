/**
 * IP pools: how their addresses are, which warm up, and what leaves by each. Data only.
 */
import { operatingGauges } from '#lib/metric/operating.ts';
import { sendingCounters } from '#lib/metric/sending.ts';
import type { Dashboard } from './dashboard.ts';
import { perSecond, same, shareOf } from './promql.ts';

const { poolMembers, poolAvailable } = operatingGauges;
const { attemptsBySource } = sendingCounters;

export const pools: Dashboard = {
  uid: 'postfleet-pools',
  title: 'Postfleet: IP pools and warm-up',
  description: 'Addresses that mail leaves from: how they are, what leaves by each, and how receivers take it.',
  chosenBy: [poolMembers.name, attemptsBySource.name],
  rows: [
    {
      title: 'Addresses',
      panels: [
        {
          title: 'Addresses, by how they are',
          description:
            'Of all pools that are accepted. Nothing leaves from `Unplumbed` and `Unhealthy` ones: the status of the IPPool says why.',
          unit: 'short',
          isStacked: true,
          queries: [{ expr: `sum by (state) (${same(poolMembers, ['pool', 'state'])})`, legend: '{{state}}' }],
        },
        {
          title: 'Addresses that mail leaves from, by pool',
          description: 'At 0 the mail of a pool waits.',
          unit: 'short',
          queries: [{ expr: same(poolAvailable, ['pool']), legend: '{{pool}}' }],
        },
        {
          title: 'Addresses that warm up, by pool',
          description: 'They send what the plan of the pool allows on a day, to each provider.',
          unit: 'short',
          queries: [{ expr: same(poolMembers, ['pool'], { state: 'WarmingUp' }), legend: '{{pool}}' }],
        },
      ],
    },
    {
      title: 'What leaves by each',
      panels: [
        {
          title: 'Attempts, by address',
          description: 'By weight, as far as warm-up allows: one that warms up rises from day to day.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(attemptsBySource, ['source']), legend: '{{source}}' }],
        },
        {
          title: 'Delivered, by address',
          description: 'Recipients that receivers have taken over.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(attemptsBySource, ['source'], { outcome: 'delivered' }), legend: '{{source}}' }],
        },
        {
          title: 'Share deferred, by address',
          description:
            'One that is put off more than its neighbours is judged worse: let it warm up longer, or look for it on blocklists.',
          unit: 'percentunit',
          queries: [
            {
              expr: shareOf(
                perSecond(attemptsBySource, ['source'], { outcome: 'deferred' }),
                perSecond(attemptsBySource, ['source']),
              ),
              legend: '{{source}}',
            },
          ],
        },
      ],
    },
  ],
};
