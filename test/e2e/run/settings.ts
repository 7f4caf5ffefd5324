/**
 * Settings of the kernel that kubelet changes for the whole machine, and no namespace holds back.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const CHANGED = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
].map((it) => `/proc/sys/${it}`);

/** Returns what puts them back. */
export function keepSettings(): () => void {
  const kept = CHANGED.map((file) => [file, readFileSync(file)] as const);
  return () => {
    for (const [file, value] of kept) writeFileSync(file, value);
  };
}
