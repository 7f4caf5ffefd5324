/**
 * The role `egress` as a command: from its flags to its end.
 */
import { systemClock } from '#lib/run/clock.ts';
import { reasonOf } from '#lib/run/fault.ts';
import { openLog } from '#lib/run/log.ts';
import { watchProcess } from '#lib/run/metrics.ts';
import { drainOnSignal } from '#lib/run/shutdown.ts';
import { startEgress } from './egress-role.ts';
import { type EgressFlags, readEgressSettings } from './egress-settings.ts';

export interface EgressTerminal {
  readonly say: (line: string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Resolves when it runs; a signal ends it. */
export async function egressCommand(flags: EgressFlags, { say, environment }: EgressTerminal): Promise<void> {
  const settings = readEgressSettings(flags, environment);
  const log = openLog(1, systemClock);
  watchProcess();
  const starting = startEgress({ settings, clock: systemClock, log });
  const drain = async (): Promise<void> => {
    say('postfleet: draining; once more ends it at once');
    await (await starting).stop();
    await log.flush();
  };
  drainOnSignal(systemClock, drain, (thrown) => say(`postfleet: ${reasonOf(thrown)}`));
  const { metricsUrl, port } = await starting;
  const { host } = settings.listen;
  if (settings.tls === undefined && settings.auth !== undefined)
    log.warn('without --tls logins are sent in clear: only for a network of your own', { host });
  say(`postfleet egress is ready: ${host}:${port}, metrics and health at ${metricsUrl}`);
}
