/**
 * An operator in this process for which long waits are a thousand times shorter: what is done each ten minutes is done each 0.6 seconds.
 */
import { ApiServer } from '#lib/kube/api-server.ts';
import { type Clock, seconds, systemClock } from '#lib/run/clock.ts';
import { metricsPage } from '#lib/run/metrics.ts';
import { systemRandom } from '#lib/run/random.ts';
import { type Operator, startOperator } from '#operator/operator.ts';
import type { ControlPlane } from './control-plane.ts';
import { IMAGE, OPERATOR, OPERATOR_NAMESPACE, PODS_ROLE } from './operator.ts';

const hasty: Clock = {
  ...systemClock,
  after: (delay, fire) => systemClock.after(delay >= seconds(60) ? delay / 1000 : delay, fire),
};

const quiet = (): void => undefined;

/** Let in as the operator's account. `resolver`: where it asks DNS. */
export function startHastyOperator(plane: ControlPlane, resolver: string): Promise<Operator> {
  const settings = {
    namespace: OPERATOR_NAMESPACE,
    image: IMAGE,
    podsRole: PODS_ROLE,
    identity: 'hasty',
    metrics: { host: '127.0.0.1', port: 0 },
    resolvers: [resolver],
    allowPrivate: [],
    hostname: 'mx.mail.test',
  };
  const kube = new ApiServer(plane.access(OPERATOR), systemClock, systemRandom);
  const log = { info: quiet, warn: quiet, error: quiet, flush: async () => undefined };
  return startOperator({ kube, settings, clock: hasty, random: systemRandom, log, failed: quiet });
}

/** How many looks at resources of a kind have ended, by operators of this process. */
export async function looksHere(controller: string): Promise<number> {
  const { text } = await metricsPage();
  const counts = text.matchAll(
    new RegExp(`^controller_runtime_reconcile_total\\{controller="${controller}".* (\\d+)$`, 'gm'),
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
