/**
 * Egress proxies: what workers ask them for, and how that ends. Data only.
 */
import { relayingCounters, relayingGauges } from '#lib/metric/relaying.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, perSecond } from './promql.ts';

const { egressRequests, egressBytes } = relayingCounters;
const { egressConnections, egressSources } = relayingGauges;

export const egress: Dashboard = {
  uid: 'postfleet-egress',
  title: 'Postfleet: egress proxies',
  description:
    'Connections by the machines that hold IP addresses: how many, how they end, and from how many addresses.',
  chosenBy: [egressSources.name],
  rows: [
    {
      title: 'Connections',
      panels: [
        {
          title: 'Asked for, by how it ended',
          description:
            '`unbound`: the machine does not have the address. `source`, `port`, `private`: nobody may. `login`: no worker of ours.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(egressRequests, ['outcome']), legend: '{{outcome}}' }],
        },
        {
          title: 'Open now',
          description: 'Connections of workers, by proxy.',
          unit: 'short',
          isStacked: true,
          queries: [{ expr: metric(egressConnections), legend: '{{instance}}' }],
        },
        {
          title: 'Bytes, by direction',
          description: 'Counted when a connection ends.',
          unit: 'Bps',
          queries: [{ expr: perSecond(egressBytes, ['direction']), legend: '{{direction}}' }],
        },
        {
          title: 'Source addresses',
          description: 'That may be asked for. 0: the proxy refuses everybody.',
          unit: 'short',
          queries: [{ expr: metric(egressSources), legend: '{{instance}}' }],
        },
      ],
    },
  ],
};
