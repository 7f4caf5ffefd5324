/**
 * What is worth an alert among the metrics of the process, which the metrics library measures by itself. Data only.
 */
import type { Alert } from './declaration.ts';

/** By the name of the metric. */
export const processAlerts: Readonly<Record<string, Alert>> = {
  nodejs_eventloop_lag_p99_seconds: {
    name: 'PostfleetEventLoopLags',
    when: 'nodejs_eventloop_lag_p99_seconds{job=~".*postfleet.*"} > 0.2',
    lasts: '10m',
    severity: 'page',
    why: 'The delay of the event loop since the page was read before, in steps of 10 ms. A fifth of a second is added to everything, several times a message: the processor is used up, or something holds it. The job’s name is what your Prometheus calls Postfleet.',
  },
  process_open_fds: {
    name: 'PostfleetOutOfDescriptors',
    when: 'process_open_fds{job=~".*postfleet.*"} > 0.8 * process_max_fds{job=~".*postfleet.*"}',
    lasts: '5m',
    severity: 'page',
    why: 'Without descriptors no connection can be opened, in or out. Raise the limit of the service (`LimitNOFILE`).',
  },
  process_resident_memory_bytes: {
    none: 'What mail takes is bounded (`postfleet_receiving_bytes`, `postfleet_leased_bytes`); alert on what your machine has.',
  },
  process_start_time_seconds: {
    name: 'PostfleetRestarts',
    when: 'changes(process_start_time_seconds{job=~".*postfleet.*"}[30m]) > 2',
    lasts: '0m',
    severity: 'page',
    why: 'Three starts in half an hour are nobody’s upgrade: it ends by itself. Its last log line says why.',
  },
};
