/**
 * One folder of the keyring: every file read, or all that is wrong with them.
 *
 * Files lie in it, in a folder within it, or in a bundle (`bundle.ts`), which is a file `<word>.json`: what is in a bundle counts
 * as if it lay in the folder. What has not changed since the last reading is not read again, and of a bundle that has changed only
 * the files that are others: parsing ten thousand keys takes seconds. Names that begin with a dot are left out; mounts and
 * half-written files have such names.
 */
import { hash } from 'node:crypto';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, reasonOf } from '#lib/run/fault.ts';
import { parseBundle } from './bundle.ts';

export interface Part<T> {
  /** By name, with the folder's within in front: `mail/pf1._domainkey.example.com.pem`. */
  readonly files: ReadonlyMap<string, Read<T>>;
  /** By name, such as `00.json`. */
  readonly bundles: ReadonlyMap<string, ReadBundle<T>>;
  readonly problems: readonly string[];
}

interface Read<T> {
  /** Another for another text. */
  readonly mark: string;
  readonly value: T;
}

interface ReadBundle<T> {
  readonly mark: string;
  readonly revision: string;
  readonly files: ReadonlyMap<string, Read<T>>;
}

export const emptyPart: Part<never> = { files: new Map(), bundles: new Map(), problems: [] };

/** Far more than a key or a record has. */
const LARGEST_FILE = 65_536;
/** A Secret holds a megabyte. */
const LARGEST_BUNDLE = 2_097_152;
/** Other names of files have two dots at least, or end otherwise. */
const BUNDLE = /^[a-z0-9][-a-z0-9]*\.json$/;
/** Keys that are parsed in a row; then others have their turn. */
const IN_A_ROW = 20;

/** Reads a folder; one that does not exist is empty. `parse` throws what is wrong. Never rejects. */
export async function readPart<T>(folder: string, parse: Parse<T>, before: Part<T>): Promise<Part<T>> {
  const reading = new PartReading(folder, parse, before);
  await reading.read('');
  return reading.part;
}

/** The same with the folders within, which bundles may have too. */
export async function readPartWithFolders<T>(folder: string, parse: Parse<T>, before: Part<T>): Promise<Part<T>> {
  const reading = new PartReading(folder, parse, before);
  await reading.read('');
  for (const name of await foldersIn(folder)) await reading.read(`${name}/`);
  return reading.part;
}

/** `name` is as in `Part`. */
type Parse<T> = (name: string, text: string) => T;

class PartReading<T> {
  readonly #files = new Map<string, Read<T>>();
  readonly #bundles = new Map<string, ReadBundle<T>>();
  readonly #problems: string[] = [];
  readonly #folder: string;
  readonly #parse: Parse<T>;
  readonly #before: Part<T>;

  constructor(folder: string, parse: Parse<T>, before: Part<T>) {
    this.#folder = folder;
    this.#parse = parse;
    this.#before = before;
  }

  get part(): Part<T> {
    return { files: this.#files, bundles: this.#bundles, problems: this.#problems };
  }

  /** What lies in the folder itself (`''`) or in one within (`name/`). */
  async read(within: string): Promise<void> {
    for (const name of await namesIn(join(this.#folder, within), this.#problems)) {
      const path = join(this.#folder, within, name);
      try {
        if (within === '' && BUNDLE.test(name)) await this.#readBundle(name, path);
        else await this.#readFile(`${within}${name}`, path);
      } catch (thrown) {
        // A file that went away since the folder was listed is simply not there.
        if (codeOf(thrown) !== 'ENOENT') this.#problems.push(`${path}: ${reasonOf(thrown)}`);
      }
    }
  }

  async #readFile(name: string, path: string): Promise<void> {
    const mark = await markOf(path, LARGEST_FILE);
    if (mark === undefined) return;
    const known = this.#before.files.get(name);
    const value = known?.mark === mark ? known : { mark, value: this.#parse(name, await readFile(path, 'utf8')) };
    this.#files.set(name, value);
  }

  async #readBundle(name: string, path: string): Promise<void> {
    const mark = await markOf(path, LARGEST_BUNDLE);
    if (mark === undefined) return;
    const known = this.#before.bundles.get(name);
    const bundle = known?.mark === mark ? known : await this.#parseBundle(path, mark, known);
    this.#bundles.set(name, bundle);
    for (const [file, read] of bundle.files) this.#files.set(file, read);
  }

  async #parseBundle(path: string, mark: string, known: ReadBundle<T> | undefined): Promise<ReadBundle<T>> {
    const bundle = parseBundle(await readFile(path, 'utf8'));
    if (!bundle) throw new SyntaxError('must be a bundle of version 1');
    const files = new Map<string, Read<T>>();
    for (const [name, text] of bundle.files) {
      const textMark = hash('sha256', text);
      const same = known?.files.get(name);
      if (same?.mark !== textMark && files.size % IN_A_ROW === 0) await new Promise((resolve) => setImmediate(resolve));
      const read = same?.mark === textMark ? same : { mark: textMark, value: this.#parseIn(name, text) };
      files.set(name, read);
    }
    return { mark, revision: bundle.revision, files };
  }

  #parseIn(name: string, text: string): T {
    try {
      return this.#parse(name, text);
    } catch (thrown) {
      throw new SyntaxError(`${name} in it: ${reasonOf(thrown)}`, { cause: thrown });
    }
  }
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
async function markOf(path: string, most: number): Promise<string | undefined> {
  const found = await stat(path, { bigint: true });
  if (found.isDirectory()) return undefined;
  const { size, ino, mtimeNs, ctimeNs } = found;
  if (size > most) throw new RangeError(`must have at most ${most} bytes`);
  return `${size} ${ino} ${mtimeNs} ${ctimeNs}`;
}

/** Names of the folders within, but for those that begin with a dot; one that does not exist has none. */
async function foldersIn(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder, []);
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return names.filter((_, at) => found[at]?.isDirectory());
}
