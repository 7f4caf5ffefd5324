/**
 * How it is said of a resource whether the owner of its cluster lets it. Pure.
 */
import type { Finding } from '../controller/condition.ts';
import type { ClusterRoute } from '../grants.ts';

export const acceptedFinding = (route: ClusterRoute): Finding =>
  route.kind === 'granted'
    ? { type: 'Accepted', status: 'True', reason: 'Granted', message: '' }
    : { type: 'Accepted', status: 'False', reason: route.reason, message: route.message };
