/**
 * How one client's wish to be connected ends: the words that metrics and logs tell it by. Data only.
 */
import type { declared } from '#lib/run/metrics.ts';

/** As `postfleet_egress_requests_total` has them. */
export type Outcome = keyof (typeof declared.counters.egressRequests.labels.outcome)['values'];
