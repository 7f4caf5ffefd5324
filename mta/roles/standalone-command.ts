/**
 * `postfleet standalone`: starts it, shows the first steps, and ends it in order.
 */
import { relative } from 'node:path';
import { systemClock } from '#lib/run/clock.ts';
import { type Fault, reasonOf } from '#lib/run/fault.ts';
import { openLog } from '#lib/run/log.ts';
import { drainOnSignal } from '#lib/run/shutdown.ts';
import { firstSteps } from './first-steps.ts';
import { readSettings, type StandaloneFlags } from './settings.ts';
import { startStandalone } from './standalone.ts';

/** Where a role was started. */
export interface Terminal {
  /** Shows a line to people. */
  readonly say: (line: string) => void;
  readonly exit: (code: number) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export async function standaloneCommand(flags: StandaloneFlags, { say, exit, environment }: Terminal): Promise<void> {
  const settings = readSettings(flags, environment);
  const log = openLog(1, systemClock);
  const failed = (thrown: unknown): void => say(`postfleet: ${reasonOf(thrown)}`);
  const end = (fault: Fault): void => {
    failed(fault);
    exit(1);
  };
  const starting = startStandalone({ settings, log, show: say, failed: end });
  drainOnSignal(
    systemClock,
    async () => {
      say('postfleet: draining; once more ends it at once');
      await (await starting).stop();
      await log.flush();
    },
    failed,
  );
  for (const line of firstSteps(await starting, relative('', settings.data) || '.')) say(line);
}
