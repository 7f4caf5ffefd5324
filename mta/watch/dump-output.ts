/**
 * Where a dump goes: a new folder, or one file where its name ends in .tar.gz or .tgz. For its owner alone.
 *
 * A tar holds a folder of the file's name, so that it unpacks into one place.
 */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Instant } from '#lib/run/clock.ts';
import { codeOf, Fault } from '#lib/run/fault.ts';

export interface DumpOutput {
  add(name: string, text: string): Promise<void>;
  /** Resolves when all of it is there. */
  end(): Promise<void>;
}

const ARCHIVE = /\.(?:tar\.gz|tgz)$/;

/** Fault `bad-setting` when there is something of that name, or nothing can be made there. */
export const openOutput = (out: string, now: Instant): Promise<DumpOutput> =>
  ARCHIVE.test(out) ? openArchive(out, now) : openFolder(out);

async function openFolder(out: string): Promise<DumpOutput> {
  await mkdir(out, { mode: 0o700 }).catch((cause: unknown) => {
    throw notMade(out, 'folder', cause);
  });
  return {
    add: (name, text) => writeFile(join(out, name), text, { mode: 0o600 }),
    end: async () => undefined,
  };
}

async function openArchive(out: string, now: Instant): Promise<DumpOutput> {
  const file = await open(out, 'wx', 0o600).catch((cause: unknown) => {
    throw notMade(out, 'file', cause);
  });
  const tar = pack();
  const folder = basename(out).replace(ARCHIVE, '');
  return {
    add: async (name, text) => {
      tar.entry({ name: `${folder}/${name}`, mode: 0o600, mtime: new Date(now) }, text);
    },
    end: async () => {
      tar.finalize();
      const chunks: Uint8Array[] = [];
      for await (const chunk of tar) chunks.push(chunk as Uint8Array);
      await file.writeFile(gzipSync(Buffer.concat(chunks)));
      await file.close();
    },
  };
}

function notMade(out: string, what: string, cause: unknown): Fault {
  const why = codeOf(cause) === 'EEXIST' ? `is there already: name a new ${what}` : 'cannot be made';
  return new Fault('bad-setting', `--out ${out}: ${why}`, { cause });
}
