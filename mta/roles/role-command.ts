/**
 * `postfleet ingress` and `postfleet worker`: starts one, says that it is ready, and ends it in order.
 */
import { systemClock } from '#lib/run/clock.ts';
import { type Fault, reasonOf } from '#lib/run/fault.ts';
import { openLog } from '#lib/run/log.ts';
import { drainOnSignal } from '#lib/run/shutdown.ts';
import { startIngressRole } from './ingress-role.ts';
import { type ClusterFlags, readClusterSettings } from './settings.ts';
import type { Terminal } from './standalone-command.ts';
import { startWorkerRole } from './worker-role.ts';

const STARTS = { ingress: startIngressRole, worker: startWorkerRole };

export async function roleCommand(
  role: keyof typeof STARTS,
  flags: ClusterFlags,
  { say, exit, environment }: Terminal,
): Promise<void> {
  const settings = readClusterSettings(flags, environment);
  const log = openLog(1, systemClock);
  const told = (thrown: unknown): void => say(`postfleet: ${reasonOf(thrown)}`);
  const failed = (fault: Fault): void => {
    told(fault);
    exit(1);
  };
  const starting = STARTS[role]({ settings, log, failed });
  const drain = async (): Promise<void> => {
    say('postfleet: draining; once more ends it at once');
    await (await starting).stop();
    await log.flush();
  };
  drainOnSignal(systemClock, drain, told);
  const { listeners, metricsUrl } = await starting;
  say(`postfleet ${role} is ready: ${[...listeners, `metrics ${metricsUrl}/metrics`].join(', ')}`);
}
