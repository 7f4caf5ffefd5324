/**
 * A role that is one of several processes: what it is started with, and what it tells of itself.
 */
import type { Fault } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import type { Ground } from './ground.ts';
import type { ClusterSettings } from './settings.ts';

export interface RoleSurroundings {
  readonly settings: ClusterSettings;
  readonly log: Log;
  /** Told when it cannot go on. What was accepted is safe; start again. */
  readonly failed: (fault: Fault) => void;
}

export interface Role {
  readonly metricsUrl: string;
  readonly adminUrl: string;
  /** Where mail is taken: `submission 127.0.0.1:2525`. */
  readonly listeners: readonly string[];
  /** Takes nothing new, lets what is under way end, closes everything. */
  stop(): Promise<void>;
}

/** A start that fails closes what it had opened. */
export async function startRole(
  surroundings: RoleSurroundings,
  build: (surroundings: RoleSurroundings, opened: AsyncDisposableStack) => Promise<Role>,
): Promise<Role> {
  const opened = new AsyncDisposableStack();
  try {
    const role = await build(surroundings, opened);
    const stop = async (): Promise<void> => {
      await role.stop();
      await opened.disposeAsync();
    };
    return { ...role, stop };
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

/** What is told of, when whoever keeps the data folder has failed. */
export function failWith({ database }: Ground, { failed }: Pick<RoleSurroundings, 'failed'>): void {
  void database.broken.then((fault) => failed(fault));
}
