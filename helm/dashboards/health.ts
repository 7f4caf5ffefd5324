/**
 * The processes themselves, and the limits that they share. Data only.
 */
import { limitingGauges } from '#lib/metric/limiting.ts';
import { storingGauges } from '#lib/metric/storing.ts';
import type { Dashboard } from './dashboard.ts';
import { metric, ofProcess } from './promql.ts';

const INSTANCE = '{{instance}}';

export const health: Dashboard = {
  uid: 'postfleet-health',
  title: 'Postfleet: processes',
  description: 'Processor, memory, event loop and descriptors of each process, and the limits that they share.',
  chosenBy: [storingGauges.queueDepth.name],
  rows: [
    {
      title: 'Processes',
      panels: [
        {
          title: 'Processor',
          description: 'Cores in use. The event loop has one; signing and the disk have others.',
          unit: 'short',
          queries: [{ expr: `rate(${ofProcess('process_cpu_seconds_total')}[$__rate_interval])`, legend: INSTANCE }],
        },
        {
          title: 'Memory',
          description: 'Resident. What mail takes of it is bounded.',
          unit: 'bytes',
          queries: [{ expr: ofProcess('process_resident_memory_bytes'), legend: INSTANCE }],
        },
        {
          title: 'Delay of the event loop',
          description: '99 % below. A fifth of a second is added to everything, several times a message.',
          unit: 's',
          queries: [{ expr: ofProcess('nodejs_eventloop_lag_p99_seconds'), legend: INSTANCE }],
        },
        {
          title: 'Descriptors',
          description: 'Open files and connections, as a share of what the process may have.',
          unit: 'percentunit',
          queries: [{ expr: `${ofProcess('process_open_fds')} / ${ofProcess('process_max_fds')}`, legend: INSTANCE }],
        },
        {
          title: 'Time since its start',
          description: 'Falls back to nothing at each restart.',
          unit: 's',
          queries: [{ expr: `time() - ${ofProcess('process_start_time_seconds')}`, legend: INSTANCE }],
        },
      ],
    },
    {
      title: 'Shared limits, where there is a Redis for them',
      panels: [
        {
          title: 'Redis answers',
          description: '1, or 0 while rates go at the share of each process.',
          unit: 'short',
          queries: [{ expr: metric(limitingGauges.limitsReachable), legend: INSTANCE }],
        },
        {
          title: 'Rates and budgets at hand',
          description: 'Names of which the process has taken something ahead.',
          unit: 'short',
          queries: [{ expr: metric(limitingGauges.limitsBlocks), legend: INSTANCE }],
        },
        {
          title: 'Rates at the local share',
          description: 'Because Redis is away.',
          unit: 'short',
          queries: [{ expr: metric(limitingGauges.limitsLocalShare), legend: INSTANCE }],
        },
      ],
    },
  ],
};
