/**
 * Settings of the kernel that kubelet wants for the whole machine: no namespace holds them back, so it is shown that they are so already.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const WANTED = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

/** Files of ours in their place, in the mount namespace of this process. */
export function hideSettings(folder: string): void {
  mkdirSync(folder);
  for (const [name, value] of Object.entries(WANTED)) {
    const file = join(folder, basename(name));
    writeFileSync(file, `${value}\n`);
    execFileSync('mount', ['--bind', file, join('/proc/sys', name)]);
  }
}
