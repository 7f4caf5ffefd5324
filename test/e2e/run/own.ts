/**
 * The run on a node of this machine's own. The tests run in namespaces made for them: network, mounts and processes. Whatever ends them,
 * Ctrl-C and a kill too, takes every process and mount along, and nothing of it was ever on this machine's network. What is left then is
 * removed here: files and control groups. Needs root on Linux, Go, and Debian's packages, which it installs.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { needControlPlane, needNode } from '../../setup/control-plane.ts';
import { needHelm } from '../../setup/helm.ts';
import { giveUp, needMailbench, needNats, needPause, needTools, say } from '../../setup/tools.ts';
import { makeGroups, removeGroups } from './groups.ts';
import { buildImages } from './images.ts';
import { started, tests } from './tests.ts';

/** Resolves with the exit code. */
export async function runOnOwnNode(chosen: readonly string[], over: AbortSignal): Promise<number> {
  if (process.getuid?.() !== 0) giveUp('a node of its own needs root');
  needTools('containerd', 'runc', 'cni', 'iptables', 'conntrack', 'redis');
  needControlPlane();
  needNode();
  await needPause();
  await needNats();
  await needMailbench();
  await needHelm();
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-e2e-'));
  let code = 1;
  try {
    buildImages(join(folder, 'images'));
    makeGroups(basename(folder));
    code = await runInside(folder, chosen, over);
  } finally {
    await removeGroups(basename(folder));
    if (code === 0 || over.aborted) rmSync(folder, { recursive: true, force: true });
    else say(`kept ${folder}`);
  }
  return code;
}

/** The first process of its namespaces is a shell, which takes in those that lost their parents. Its end is the end of all. */
function runInside(folder: string, chosen: readonly string[], signal: AbortSignal): Promise<number> {
  for (const name of ['tmp', 'log']) mkdirSync(join(folder, name));
  const apart = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const env = { TMPDIR: join(folder, 'tmp'), POSTFLEET_E2E: folder };
  const inside = ['--pdeathsig', 'KILL', 'unshare', ...apart, 'sh', '-c', '"$@"; exit $?', 'sh', ...tests(...chosen)];
  // Aborted, it is killed, and with it the first process of the namespaces.
  return started('setpriv', inside, { env, detached: true, signal, killSignal: 'SIGKILL' });
}
