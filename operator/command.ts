/**
 * The role `operator` as a command: from its flags to its end.
 */
import { setFlagsFromString } from 'node:v8';
import { kubeAccess } from '#lib/kube/access.ts';
import { ApiServer } from '#lib/kube/api-server.ts';
import { podApiOf } from '#lib/kube/pod-access.ts';
import { systemClock } from '#lib/run/clock.ts';
import { type Fault, reasonOf } from '#lib/run/fault.ts';
import { openLog } from '#lib/run/log.ts';
import { watchProcess } from '#lib/run/metrics.ts';
import { systemRandom } from '#lib/run/random.ts';
import { drainOnSignal } from '#lib/run/shutdown.ts';
import { startOperator } from './operator.ts';
import { type OperatorFlags, readOperatorSettings } from './settings.ts';

/**
 * Most of what is held stays for good, so V8 would let as much garbage gather before it looks for it; and its nursery would grow to 32 MB
 * for a process that has nothing to do fast. Measured with 5,000 domains (`npm run proof -- domains`).
 */
const GARBAGE = '--heap-growing-percent=20 --semi-space-growth-factor=1';

export interface OperatorTerminal {
  readonly say: (line: string) => void;
  readonly exit: (code: number) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Resolves when it runs; a signal ends it, or the loss of its lease. */
export async function operatorCommand(
  flags: OperatorFlags,
  { say, exit, environment }: OperatorTerminal,
): Promise<void> {
  const told = (thrown: unknown): void => say(`postfleet: ${reasonOf(thrown)}`);
  const failed = (fault: Fault): void => {
    told(fault);
    exit(1);
  };
  const settings = readOperatorSettings(flags);
  setFlagsFromString(GARBAGE);
  const log = openLog(1, systemClock);
  watchProcess();
  const kube = new ApiServer(await kubeAccess(podApiOf(environment)), systemClock, systemRandom);
  const starting = startOperator({ kube, settings, clock: systemClock, random: systemRandom, log, failed });
  const drain = async (): Promise<void> => {
    await (await starting).stop();
    await log.flush();
  };
  drainOnSignal(systemClock, drain, told);
  say(`postfleet operator: metrics and health at ${(await starting).url}`);
}
