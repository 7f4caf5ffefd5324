/**
 * Images of other people's programs, for tests alone: files of this machine with the libraries that they are linked with, in one layer.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Machine } from '#helm/image/config.ts';

export interface Contents {
  readonly name: string;
  readonly entrypoint: readonly string[];
  /** Where it is in the image: where it is here. */
  readonly programs: Readonly<Record<string, string>>;
}

/** As Node names machines, and container engines do. */
export const MACHINES: Readonly<Record<string, Machine>> = { x64: 'amd64', arm64: 'arm64' };

/** Writes a tar as `docker save` does. */
export function archive(file: string, { name, entrypoint, programs }: Contents): void {
  const folder = `${file}.parts`;
  const root = join(folder, 'root');
  mkdirSync(join(root, 'tmp'), { recursive: true });
  for (const [at, from] of Object.entries(programs)) {
    lay(from, join(root, at));
    for (const library of librariesOf(from)) lay(library, join(root, library));
  }
  execFileSync('tar', ['--owner=0', '--group=0', '-C', root, '-cf', join(folder, 'layer.tar'), '.']);
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: MACHINES[process.arch],
    os: 'linux',
    config: { Entrypoint: entrypoint, Env: ['PATH=/usr/bin:/bin'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }];
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  execFileSync('tar', ['-C', folder, '-cf', file, 'manifest.json', 'config.json', 'layer.tar']);
  rmSync(folder, { recursive: true });
}

function lay(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(realpathSync(from), to);
}

/** None of a program that is linked with none. */
function librariesOf(program: string): string[] {
  const { stdout } = run('ldd', program);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}

function run(command: string, argument: string): { readonly stdout: string } {
  try {
    return { stdout: execFileSync(command, [argument], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }) };
  } catch {
    return { stdout: '' };
  }
}
