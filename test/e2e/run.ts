/**
 * `npm run e2e`: everything from nothing on a Kubernetes node of its own, on this machine.
 *
 * The tests run in namespaces made for them: network, mounts and processes. Whatever ends them, Ctrl-C and a kill too, takes every process
 * and mount along, and nothing of it was ever on this machine's network. What is left then is removed here: files and control groups. Needs root on Linux, Go, and Debian's packages, which it installs. `--short` does each thing to
 * the cluster once, where otherwise it is done for the record; other arguments choose files.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { needControlPlane, needNode } from '../setup/control-plane.ts';
import { needHelm } from '../setup/helm.ts';
import { giveUp, needMailbench, needNats, needPause, needTools, say } from '../setup/tools.ts';
import { makeGroups, removeGroups } from './run/groups.ts';
import { buildImages } from './run/images.ts';

if (process.getuid?.() !== 0) giveUp('a node of its own needs root');
needTools('containerd', 'runc', 'cni', 'iptables', 'conntrack', 'redis');
needControlPlane();
needNode();
await needPause();
await needNats();
await needMailbench();
await needHelm();

const { values, positionals: files } = parseArgs({ options: { short: { type: 'boolean' } }, allowPositionals: true });
const folder = mkdtempSync(join(tmpdir(), 'postfleet-e2e-'));
const over = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => over.abort());
let code = 1;
try {
  buildImages(join(folder, 'images'));
  makeGroups(basename(folder));
  code = await runInside(files);
} finally {
  await removeGroups(basename(folder));
  if (code === 0 || over.signal.aborted) rmSync(folder, { recursive: true, force: true });
  else say(`kept ${folder}`);
}
process.exit(code);

/** The first process of its namespaces is a shell, which takes in those that lost their parents. Its end is the end of all. */
async function runInside(chosen: readonly string[]): Promise<number> {
  for (const name of ['tmp', 'log']) mkdirSync(join(folder, name));
  const apart = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const test = fileURLToPath(new URL('../setup/test.ts', import.meta.url));
  const command = [process.execPath, test, '--project', 'e2e', ...chosen];
  const env = {
    ...process.env,
    TMPDIR: join(folder, 'tmp'),
    POSTFLEET_E2E: folder,
    ...(values.short === true && { POSTFLEET_E2E_FORM: 'short' }),
  };
  const inside = ['--pdeathsig', 'KILL', 'unshare', ...apart, 'sh', '-c', '"$@"; exit $?', 'sh', ...command];
  // Aborted, it is killed, and with it the first process of the namespaces.
  const options = { env, detached: true, signal: over.signal, killSignal: 'SIGKILL' } as const;
  const child = spawn('setpriv', inside, { ...options, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (ended) => resolve(ended ?? 1));
  });
}
