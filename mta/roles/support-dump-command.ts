/**
 * `postfleet support-dump` on this machine: with its clock, its version, and the API server that its kubeconfig names, if that is asked for.
 */
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { version } from '#lib/run/version.ts';
import type { KubeFlags } from '../watch/admin-flags.ts';
import { type SupportDumpFlags, supportDump } from '../watch/support-dump.ts';

export async function supportDumpCommand(
  flags: SupportDumpFlags & KubeFlags,
  say: (line: string) => void,
): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const kube = async () => {
    const { accessOf } = await import('./cluster-door.ts');
    const { ApiServer } = await import('#lib/kube/api-server.ts');
    return opened.adopt(new ApiServer(await accessOf(flags), systemClock, systemRandom), (it) => it.close());
  };
  await supportDump(flags, { version: version(), now: systemClock.now(), say, kube });
}
