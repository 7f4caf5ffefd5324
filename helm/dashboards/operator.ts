/**
 * The operator: what it looks at, how that ends, and who leads. Data only.
 */
import { operatingCounters, operatingGauges, operatingHistograms } from '#lib/metric/operating.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, perSecond, quantile } from './promql.ts';

const { reconciles, reconcileErrors, lineAdds, lineRetries } = operatingCounters;

export const operator: Dashboard = {
  uid: 'postfleet-operator',
  title: 'Postfleet: operator',
  description: 'What the operator looks at, how that ends, and who leads.',
  chosenBy: [operatingGauges.leader.name],
  rows: [
    {
      title: 'Looks',
      panels: [
        {
          title: 'Looks, by result',
          description: 'In a steady state there are few: each resource is looked at again after ten minutes.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(reconciles, ['controller', 'result']), legend: '{{controller}} {{result}}' }],
        },
        {
          title: 'Looks that failed',
          description: 'The same resource is tried again after a growing pause. The log names it.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(reconcileErrors, ['controller']), legend: '{{controller}}' }],
        },
        {
          title: 'Time of a look, 99 % below',
          description: 'Most of it is the API server’s, or DNS’s.',
          unit: 's',
          queries: [
            { expr: quantile(0.99, operatingHistograms.reconcileSeconds, ['controller']), legend: '{{controller}}' },
          ],
        },
      ],
    },
    {
      title: 'Lines',
      panels: [
        {
          title: 'Resources in line',
          description: 'After a start the line is long for a minute or two.',
          unit: 'short',
          isStacked: true,
          queries: [{ expr: `sum by (name) (${metric(operatingGauges.lineDepth)})`, legend: '{{name}}' }],
        },
        {
          title: 'Put in line',
          description: 'Changes, and looks at everything.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [
            { expr: perSecond(lineAdds, ['name']), legend: '{{name}}' },
            { expr: perSecond(lineRetries, ['name']), legend: '{{name}} again' },
          ],
        },
        {
          title: 'Wait in line, 99 % below',
          description: 'From the wish to look at a resource to the look.',
          unit: 's',
          queries: [{ expr: quantile(0.99, operatingHistograms.lineSeconds, ['name']), legend: '{{name}}' }],
        },
      ],
    },
    {
      title: 'Who leads',
      panels: [
        {
          title: 'Leaders',
          description: '1 is right; 0 for two minutes means that nobody can reach the API server, or write the lease.',
          unit: 'short',
          queries: [{ expr: `sum(${metric(operatingGauges.leader)})`, legend: 'leaders' }],
        },
      ],
    },
  ],
};
