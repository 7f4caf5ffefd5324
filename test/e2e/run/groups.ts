/**
 * The control groups of one node: a group of its own in each hierarchy that this machine has, and their end with all below.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../harness/until.ts';

const ROOT = '/sys/fs/cgroup';
/** A hierarchy each in version 1, the root of all in version 2. */
const IS_GROUP = 'cgroup.procs';

function hierarchies(): string[] {
  if (existsSync(join(ROOT, IS_GROUP))) return [ROOT];
  return readdirSync(ROOT)
    .map((it) => join(ROOT, it))
    .filter((it) => existsSync(join(it, IS_GROUP)));
}

export function makeGroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, name);
    mkdirSync(group);
    weigh(group);
    // A group of processors begins with none, and takes nobody in.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(group, file)) && !existsSync(join(hierarchy, 'cgroup.controllers')))
        writeFileSync(join(group, file), readFileSync(join(hierarchy, file)));
  }
}

/** A node is a dozen busy processes: as one of many on this machine its pods would stand still. In either version of these files. */
const SHARES = { 'cpu.shares': 8192, 'cpu.weight': 800 };

function weigh(group: string): void {
  for (const [file, shares] of Object.entries(SHARES))
    if (existsSync(join(group, file))) writeFileSync(join(group, file), String(shares));
}

/** Resolves when they are gone: processes in them end a moment after their namespace has. */
export async function removeGroups(name: string): Promise<void> {
  for (const hierarchy of hierarchies()) {
    const group = join(hierarchy, name);
    await until(`${group} is empty`, () => !existsSync(group) || isRemoved(group));
  }
}

function isRemoved(group: string): boolean {
  try {
    removeTree(group);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw thrown;
  }
}

/** The files in a group are the kernel's. */
function removeTree(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(group, entry.name));
  rmdirSync(group);
}
