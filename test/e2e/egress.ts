/**
 * Where the chart's egress proxies are, on nodes that have addresses, and who may use them.
 */
import type { Ground } from './ground.ts';

export const LOGIN = 'fleet:of-the-test';

/** The label that the chart asks for. */
export const HOLDS_ADDRESSES = 'postfleet.io/egress';

export async function prepareEgress({ kubectl, places }: Pick<Ground, 'kubectl' | 'places'>): Promise<void> {
  await kubectl.works('create', 'namespace', places.egress);
  await kubectl.works('label', 'namespace', places.egress, 'pod-security.kubernetes.io/enforce=privileged');
  const logins = ['create', 'secret', 'generic', 'logins', `--from-literal=logins=${LOGIN}`];
  await kubectl.works('--namespace', places.egress, ...logins);
}
