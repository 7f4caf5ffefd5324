/**
 * The egress proxy as the pod of a node: which pools there are it is told by the API server, and it tells the operator which of their
 * addresses the node holds, so that workers find it.
 */
import { EGRESS_REPORT, egressText, REPORTS_EGRESS } from '#lib/egress/report.ts';
import { PodReport } from '#lib/kube/pod-report.ts';
import type { Kube } from '#lib/kube/kube.ts';
import type { Clock } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { watchGauge } from '#lib/run/metrics.ts';
import { HeldAddresses } from '../egress/held-addresses.ts';
import { bind } from '../egress/plumbing.ts';
import type { EgressKubernetes } from './egress-settings.ts';

export interface TellingHeld {
  readonly kube: Pick<Kube, 'apply'>;
  readonly pod: EgressKubernetes['pod'];
  readonly declared: () => ReadonlySet<string>;
  readonly port: number;
  readonly isSecure: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Looks, and tells, from now on. Who is no pod has nobody to tell. */
export function tellHeld(
  { kube, pod, declared, port, isSecure, clock, log }: TellingHeld,
  opened: AsyncDisposableStack,
): void {
  const held = opened.adopt(new HeldAddresses({ clock, declared, bind }), (it) => it.close());
  watchGauge('egressHeld', () => held.current.length);
  if (!pod) return;
  const report = new PodReport({
    kube,
    clock,
    pod,
    labels: REPORTS_EGRESS,
    annotation: EGRESS_REPORT,
    text: () => egressText({ port, isSecure, addresses: held.current }),
    onChange: (listener) => held.onChange(listener),
    manager: 'postfleet-egress',
    failed: (thrown) =>
      log.warn('the operator cannot be told which addresses this node holds', { reason: reasonOf(thrown) }),
  });
  opened.adopt(report, (it) => it.close());
}
