/**
 * Sending domains, and DNS: what is proven, what is asked, and how it is answered. Data only.
 */
import { dnsCounters, dnsHistograms } from '#lib/metric/dns.ts';
import { storingGauges } from '#lib/metric/storing.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, perSecond, quantile } from './promql.ts';

const { dnsLookups, dnsShared } = dnsCounters;
const { dnsLookupSeconds } = dnsHistograms;

export const domains: Dashboard = {
  uid: 'postfleet-domains',
  title: 'Postfleet: domains and DNS',
  description: 'How sending domains stand, and how DNS answers.',
  chosenBy: [storingGauges.domains.name],
  rows: [
    {
      title: 'Domains',
      panels: [
        {
          title: 'Sending domains, by how they stand',
          description: 'Unverified ones may not send. `postfleet domain` says which record differs.',
          unit: 'short',
          isStacked: true,
          queries: [{ expr: `max by (standing) (${metric(storingGauges.domains)})`, legend: '{{standing}}' }],
        },
        {
          title: 'Problems in the resources',
          description: 'Above 0 a change was not taken over; the log names file, line and field.',
          unit: 'short',
          queries: [{ expr: metric(storingGauges.resourceProblems), legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'DNS',
      panels: [
        {
          title: 'Questions, by result',
          description: 'Put to DNS servers. Many without an answer (`temporary`): the resolver is ill.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(dnsLookups, ['result']), legend: '{{result}}' }],
        },
        {
          title: 'Questions, by type',
          description: 'TXT is about sending domains, MX and addresses about where mail goes.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(dnsLookups, ['type']), legend: '{{type}}' }],
        },
        {
          title: 'Questions that needed no server',
          description: 'Answered by the cache, or the same was under way.',
          unit: 'suffix: /s',
          isStacked: true,
          queries: [{ expr: perSecond(dnsShared, ['by']), legend: '{{by}}' }],
        },
        {
          title: 'Time of a question',
          description: 'Tries and aliases included. Two seconds is when the first try is given up.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, dnsLookupSeconds), legend: 'half below' },
            { expr: quantile(0.9, dnsLookupSeconds), legend: '90 % below' },
          ],
        },
      ],
    },
  ],
};
