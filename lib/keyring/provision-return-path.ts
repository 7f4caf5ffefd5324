/**
 * The keys that sign return paths: one a month, and those before it for as long as something they signed may come back.
 *
 * Made only when a `SendingDomain` has a return path of its own. A key that a newer one has followed is taken away when
 * the newer one has signed for longer than a return path holds: nothing the old one signed is valid then.
 */
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { Fault, codeOf } from '#lib/run/fault.ts';
import {
  agingOf,
  dayOf,
  formatReturnPathKey,
  parseReturnPathKeyFile,
  RETURN_PATH_KEY_BYTES,
  returnPathKeyFile,
} from './return-path-key.ts';
import { writeWhole } from './store.ts';
import { keyringFolder, type Provisioned, type Surroundings } from './surroundings.ts';

/** Expects the folder of keys to exist. */
export async function provisionReturnPath(
  domains: readonly SendingDomain[],
  { dataFolder, clock, random }: Surroundings,
): Promise<Provisioned> {
  if (!domains.some(({ spec }) => spec.returnPathHost !== undefined)) return { made: [], problems: [] };
  const folder = join(keyringFolder(dataFolder), 'return-path');
  const days = (await readdir(folder)).flatMap((name) => parseReturnPathKeyFile(name) ?? []).toSorted((a, b) => a - b);
  const today = dayOf(clock.now());
  const { over, isNewDue } = agingOf(days, today);
  for (const day of over) await remove(join(folder, returnPathKeyFile(day)));
  if (!isNewDue) return { made: [], problems: [] };
  const path = join(folder, returnPathKeyFile(today));
  await writeWhole(path, formatReturnPathKey(random.bytes(RETURN_PATH_KEY_BYTES)));
  return { made: [path], problems: [] };
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT')
      throw new Fault('data-unwritable', `Cannot remove ${path} (${codeOf(cause)}). Check its permissions.`, { cause });
  }
}
