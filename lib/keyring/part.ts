/**
 * One folder of the keyring: every file read, or all that is wrong with them.
 *
 * A file that has not changed since the last reading is not read again: parsing ten thousand keys takes seconds.
 * Files whose names begin with a dot are left out; mounts and half-written files have such names. So are folders.
 */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, reasonOf } from '#lib/run/fault.ts';

export interface Part<T> {
  readonly files: ReadonlyMap<string, { readonly mark: string; readonly value: T }>;
  readonly problems: readonly string[];
}

export const emptyPart: Part<never> = { files: new Map(), problems: [] };

/** Far more than a key or a record has. */
const LARGEST_FILE = 65_536;

/** Reads a folder; one that does not exist is empty. `parse` throws what is wrong. Never rejects. */
export async function readPart<T>(
  folder: string,
  parse: (name: string, text: string) => T,
  before: Part<T>,
): Promise<Part<T>> {
  const files = new Map<string, { mark: string; value: T }>();
  const problems: string[] = [];
  for (const name of await namesIn(folder, problems))
    try {
      const mark = await markOf(join(folder, name));
      if (mark === undefined) continue;
      const known = before.files.get(name);
      const isUnchanged = known !== undefined && known.mark === mark;
      files.set(name, isUnchanged ? known : { mark, value: parse(name, await readFile(join(folder, name), 'utf8')) });
    } catch (thrown) {
      // A file that went away since the folder was listed is simply not there.
      if (codeOf(thrown) !== 'ENOENT') problems.push(`${join(folder, name)}: ${reasonOf(thrown)}`);
    }
  return { files, problems };
}

async function namesIn(folder: string, problems: string[]): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') problems.push(`${folder}: ${reasonOf(thrown)}`);
    return [];
  }
}

/** Undefined for a folder. */
async function markOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true });
  if (found.isDirectory()) return undefined;
  const { size, ino, mtimeNs, ctimeNs } = found;
  if (size > LARGEST_FILE) throw new RangeError(`must have at most ${LARGEST_FILE} bytes`);
  return `${size} ${ino} ${mtimeNs} ${ctimeNs}`;
}

/** Names of the folders within, but for those that begin with a dot; one that does not exist has none. */
export async function foldersIn(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder, []);
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return names.filter((_, at) => found[at]?.isDirectory());
}
