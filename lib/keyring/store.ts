/**
 * Files with secrets: written whole or not at all, for the owner only, durable when the promise resolves.
 *
 * A name that begins with a dot is a file being written; readers leave it out and the next write replaces it.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Fault, codeOf } from '#lib/run/fault.ts';

/** Makes a folder and those above it, for the owner only, durable like the files in it. Harmless when it is there. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (first !== undefined) await syncAbove(folder, first);
  } catch (cause) {
    throw unwritable(folder, cause);
  }
}

/** Puts `text` at `path`, in place of what is there. After a crash the file is the old one or the new one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.new`);
  try {
    await writeDurably(beside, text);
    await rename(beside, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, 'w', 0o600);
  await file.writeFile(text);
  await file.sync();
}

/** A name is kept by the folder it stands in: a new folder is lost with any of those above it. */
async function syncAbove(folder: string, first: string): Promise<void> {
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

const unwritable = (path: string, cause: unknown): Fault =>
  new Fault('data-unwritable', `Cannot write ${path} (${codeOf(cause)}). Check space and permissions.`, { cause });

/** Gives a file another name, durably. */
export async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
    await syncFolder(dirname(to));
    await syncFolder(dirname(from));
  } catch (cause) {
    throw unwritable(to, cause);
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new Fault('data-unreadable', `Cannot read ${path} (${codeOf(cause)}). Check its permissions.`, { cause });
  }
}

/** Writes unless exactly this is there. Resolves with whether it wrote. */
export async function keepInStep(path: string, text: string): Promise<boolean> {
  if ((await readIfThere(path)) === text) return false;
  await writeWhole(path, text);
  return true;
}
