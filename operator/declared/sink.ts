/**
 * An `EventSink`: whether its cluster takes it, and that nothing is told yet. Pure.
 */
import { type Finding, summary } from '../controller/condition.ts';
import type { ClusterRoute } from '../grants.ts';
import { acceptedFinding } from './accepted.ts';

export function sinkFindings(route: ClusterRoute): Finding[] {
  const { reason, message } = route.kind === 'refused' ? route : { reason: 'NotDelivered', message: NOT_YET };
  return [
    ...summary({ kind: 'stalled', reason, message }),
    acceptedFinding(route),
    { type: 'Delivering', status: 'False', reason, message },
  ];
}

const NOT_YET = 'this version delivers no webhooks: read events by the admin API';
