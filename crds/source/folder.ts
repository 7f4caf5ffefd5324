/**
 * `ResourceSource` on a folder of YAML files, re-read when they change.
 *
 * All or nothing: while any file is bad the last good world stays, and every problem of every file is told at once.
 * A folder that is bad at the start is a fault. A change counts once the folder has been quiet for a moment, so that
 * files that are being written are not read in halves. `fs.watch` makes it quick; as it may miss changes (network file
 * systems, mounts), a slow look goes on beside it.
 */
import { type FSWatcher, watch } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Duration, type Timer, milliseconds, seconds, sleep } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import { type Loaded, load } from './load.ts';
import { type Survey, read, survey } from './reading.ts';
import type { Resources } from './resources.ts';
import { type ResourceSource, type SourceProblem, problemLine } from './source.ts';

/** A folder is read when nothing in it has changed for this long. */
export const QUIET = milliseconds(200);
/** How often the folder is looked at when nothing is heard of it. */
export const SLOW_LOOK = seconds(10);
const TRIES_AT_START = 50;

/**
 * Reads the folder and watches it until closed.
 *
 * Rejects with the fault `config-invalid`, whose message has a line per problem, or `config-busy` when the folder
 * does not come to rest.
 */
export async function openFolder(folder: string, clock: Clock): Promise<ResourceSource> {
  for (let tries = 0; tries < TRIES_AT_START; tries += 1) {
    const seen = await survey(folder);
    const loaded = await loadSurveyed(folder, seen);
    if (loaded !== 'torn') return new Folder(folder, clock, seen, wholeOrFault(folder, loaded));
    await sleep(clock, QUIET);
  }
  throw new Fault('config-busy', `The files in ${folder} keep changing. Start again when they are written.`);
}

function wholeOrFault(folder: string, loaded: Loaded): Resources {
  if (loaded.kind === 'whole') return loaded.resources;
  const lines = loaded.problems.map((problem) => `  ${problemLine(within(folder, problem))}`);
  throw new Fault('config-invalid', [`Correct these in ${folder} and start again:`, ...lines].join('\n'));
}

/** A problem without a file is the folder's own. */
const within = (folder: string, problem: SourceProblem): SourceProblem => ({
  ...problem,
  file: problem.file || folder,
});

async function loadSurveyed(folder: string, seen: Survey): Promise<Loaded | 'torn'> {
  if (seen.problems.length > 0) return { kind: 'refused', problems: seen.problems.map((it) => ({ ...it, path: '' })) };
  try {
    const files = await read(folder, seen);
    return files === 'torn' ? 'torn' : load(files);
  } catch (thrown) {
    return { kind: 'refused', problems: [{ file: '', path: '', problem: `cannot be read: ${reasonOf(thrown)}` }] };
  }
}

class Folder implements ResourceSource {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #watcher: FSWatcher | undefined;
  #current: Resources;
  #problems: readonly SourceProblem[] = [];
  /** Mark of the folder as it was last read. */
  #read: string;
  /** Mark of the folder as it was last looked at, read or not. */
  #looked: string;
  #timer: Timer | undefined;
  #due: Duration = 0;
  #looking: Promise<void> | undefined;
  /** Something was heard of the folder while it was looked at. */
  #heard = false;
  #closed = false;

  constructor(folder: string, clock: Clock, seen: Survey, resources: Resources) {
    this.#folder = folder;
    this.#clock = clock;
    this.#current = resources;
    this.#read = seen.mark;
    this.#looked = seen.mark;
    this.#watcher = this.#watch();
    this.#lookIn(SLOW_LOOK);
  }

  current(): Resources {
    return this.#current;
  }

  problems(): readonly SourceProblem[] {
    return this.#problems;
  }

  statusOf(): undefined {
    return undefined;
  }

  onChange(listener: () => void): () => void {
    const heard = (): void => listener();
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#watcher?.close();
    await this.#looking;
  }

  /** Without a watcher (too many of them, a file system without) the slow look is enough. */
  #watch(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#folder, { persistent: false }, () => this.#lookIn(QUIET));
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      return undefined;
    }
  }

  /** Plans a look. A sooner one that is planned stands, so that endless changes cannot put it off. */
  #lookIn(delay: Duration): void {
    const due = this.#clock.monotonic() + delay;
    this.#heard = this.#looking !== undefined;
    if (this.#closed || this.#heard || (this.#timer && this.#due <= due)) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#clock.after(delay, () => {
      this.#timer = undefined;
      this.#looking = this.#lookAndPlan();
    });
  }

  async #lookAndPlan(): Promise<void> {
    const next = await this.#look();
    this.#looking = undefined;
    this.#lookIn(this.#heard ? QUIET : next);
  }

  /** Reads the folder if it has changed and come to rest. Resolves with the time until the next look. */
  async #look(): Promise<Duration> {
    const seen = await survey(this.#folder);
    const isAtRest = seen.mark === this.#looked;
    this.#looked = seen.mark;
    if (seen.mark === this.#read) return SLOW_LOOK;
    const loaded = isAtRest ? await loadSurveyed(this.#folder, seen) : 'torn';
    if (loaded === 'torn') return QUIET;
    this.#read = seen.mark;
    if (!this.#closed) this.#take(loaded);
    return SLOW_LOOK;
  }

  #take(loaded: Loaded): void {
    const problems = loaded.kind === 'refused' ? loaded.problems.map((it) => within(this.#folder, it)) : [];
    const resources =
      loaded.kind === 'whole' && !isSameWorld(loaded.resources, this.#current) ? loaded.resources : this.#current;
    const isNews = resources !== this.#current || !isDeepStrictEqual(problems, this.#problems);
    this.#problems = problems;
    this.#current = resources;
    if (isNews) for (const listener of this.#listeners) listener();
  }
}

/** A file that was touched, or whose comments changed, declares the same world. */
function isSameWorld(one: Resources, other: Resources): boolean {
  return isDeepStrictEqual(declared(one), declared(other));
}

const declared = ({ clusters, pools, domains, policies, credentials, sinks }: Resources) => [
  clusters,
  pools,
  domains,
  policies,
  credentials,
  sinks,
];
