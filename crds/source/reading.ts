/**
 * One reading of a folder: its files, or a sign that they changed while they were read.
 *
 * Reads `*.yaml` and `*.yml` of the folder itself, not below it; dot files are left out, so that editors' and mounts'
 * own files are. Sizes and numbers are bounded before anything is read. What the texts mean is `folder.ts`'s business.
 */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '#lib/run/fault.ts';

/** The largest file: room for thousands of resources, and no more memory than that. */
export const LARGEST_FILE = 1_048_576;
export const MOST_FILES = 1000;

interface FileMark {
  readonly name: string;
  /** Changes whenever the file does. */
  readonly mark: string;
  readonly problem?: string;
}

/** What the folder looks like from outside; `mark` changes whenever any file does. */
export interface Survey {
  readonly files: readonly FileMark[];
  readonly mark: string;
  /** What forbids to read the folder; `file` is empty for the folder itself. */
  readonly problems: readonly { readonly file: string; readonly problem: string }[];
}

/** Looks without reading. Never rejects: what cannot be looked at is a problem. */
export async function survey(folder: string): Promise<Survey> {
  try {
    const names = (await readdir(folder)).filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
    if (names.length > MOST_FILES) return unread(`has ${names.length} files: at most ${MOST_FILES} are read`);
    const files = await Promise.all(names.map((name) => markOf(folder, name)));
    const problems = files.flatMap(({ name: file, problem }) => (problem === undefined ? [] : [{ file, problem }]));
    return { files, mark: files.map(({ mark }) => mark).join('\n'), problems };
  } catch (thrown) {
    return unread(`cannot be read: ${codeOf(thrown)}`);
  }
}

const unread = (problem: string): Survey => ({ files: [], mark: problem, problems: [{ file: '', problem }] });

async function markOf(folder: string, name: string): Promise<FileMark> {
  try {
    // A mounted Kubernetes volume swaps links, so what counts is the file behind them.
    const found = await stat(join(folder, name), { bigint: true });
    const mark = `${name} ${found.size} ${found.ino} ${found.mtimeNs} ${found.ctimeNs}`;
    if (!found.isFile()) return { name, mark, problem: 'must be a file' };
    return found.size > LARGEST_FILE
      ? { name, mark, problem: `must have at most ${LARGEST_FILE} bytes` }
      : { name, mark };
  } catch (thrown) {
    return { name, mark: `${name} ${codeOf(thrown)}`, problem: `cannot be read: ${codeOf(thrown)}` };
  }
}

export interface FileText {
  readonly name: string;
  readonly text: string;
}

/** The texts of a survey's files, or `torn` when anything changed since the survey. */
export async function read(folder: string, seen: Survey): Promise<readonly FileText[] | 'torn'> {
  try {
    const texts: FileText[] = [];
    for (const { name } of seen.files) texts.push({ name, text: await readFile(join(folder, name), 'utf8') });
    return (await survey(folder)).mark === seen.mark ? texts : 'torn';
  } catch (thrown) {
    // A file that went away changed the folder; anything else will show again in the next survey.
    if (codeOf(thrown) === 'ENOENT') return 'torn';
    throw thrown;
  }
}
