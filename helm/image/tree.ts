/**
 * The files of the image, laid out as folders: what runs it, and what it runs.
 *
 * Packages are those of the lockfile without what is for development, for the machine that is asked for; Node is one of them. No file is
 * there for tests. Needs npm.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CODE, HOME, type Machine, MACHINES, NODE, USER } from './config.ts';
import { layLibraries } from './debian.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const NOT_RUN = /\.(?:test|contract)\.ts$|\/golden(?:\/|$)/;
/** What packages bring for those who build with them. */
const NOT_NEEDED = /\.(?:d\.[cm]?ts|map|md|markdown)$/i;

export interface Tree {
  /** Node, libraries, and who is who. */
  readonly runtime: string;
  /** The code and its packages. */
  readonly app: string;
}

/** Lays both into `folder`, which is empty. `kept` is for what may be used again. */
export function layTree(folder: string, machine: Machine, kept: string): Tree {
  const [runtime, app] = [join(folder, 'runtime'), join(folder, 'app')];
  const home = join(app, HOME);
  layCode(home);
  layPackages(home, runtime, packagesOf(machine, kept));
  layLibraries(runtime, machine, kept);
  laySystem(runtime);
  return { runtime, app };
}

function layCode(home: string): void {
  for (const path of CODE)
    cpSync(join(ROOT, path), join(home, path), { recursive: true, filter: (from) => !NOT_RUN.test(from) });
}

/** Packages go to the code, and Node, which is one of them, to its own place. */
function layPackages(home: string, runtime: string, from: string): void {
  cpSync(join(from, 'node_modules'), join(home, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  mkdirSync(dirname(join(runtime, NODE)), { recursive: true });
  mkdirSync(join(runtime, 'usr/share/doc/node'), { recursive: true });
  cpSync(join(from, 'node'), join(runtime, NODE));
  cpSync(join(from, 'LICENSE'), join(runtime, 'usr/share/doc/node/copyright'));
}

/** Where the lockfile's packages are, and Node beside them: fetched when the lockfile or the machine is another. */
function packagesOf(machine: Machine, kept: string): string {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  const name = `packages-${machine}-${createHash('sha256').update(lock).digest('hex').slice(0, 16)}`;
  const folder = join(kept, name);
  if (existsSync(folder)) return folder;
  for (const older of readdirSync(kept).filter((it) => it.startsWith(`packages-${machine}-`)))
    rmSync(join(kept, older), { recursive: true });
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished);
  fetchPackages(unfinished, machine);
  renameSync(unfinished, folder);
  return folder;
}

function fetchPackages(folder: string, machine: Machine): void {
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(folder, name));
  const { cpu } = MACHINES[machine];
  const flags = ['--omit=dev', '--ignore-scripts', '--os=linux', `--cpu=${cpu}`, '--libc=glibc'];
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  execFileSync('npm', ['ci', ...flags, ...quiet], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const packages = join(folder, 'node_modules');
  const own = join(packages, `node-linux-${cpu}`);
  renameSync(join(own, 'bin/node'), join(folder, 'node'));
  renameSync(join(own, 'LICENSE'), join(folder, 'LICENSE'));
  for (const name of [own, join(packages, '.bin'), join(packages, '.package-lock.json')])
    rmSync(name, { recursive: true, force: true });
  for (const it of readdirSync(packages, { recursive: true, withFileTypes: true }))
    if (it.isFile() && NOT_NEEDED.test(it.name)) rmSync(join(it.parentPath, it.name));
}

/** Programs look up their user, and names by files first; libraries lie where Debian's loader looks. */
function laySystem(runtime: string): void {
  for (const name of ['lib', 'lib64']) {
    mkdirSync(join(runtime, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(runtime, name));
  }
  mkdirSync(join(runtime, 'etc'));
  writeFileSync(
    join(runtime, 'etc/passwd'),
    `root:x:0:0:root:/:/sbin/nologin\npostfleet:x:${USER}:${USER}:Postfleet:${HOME}:/sbin/nologin\n`,
  );
  writeFileSync(join(runtime, 'etc/group'), `root:x:0:\npostfleet:x:${USER}:\n`);
  writeFileSync(join(runtime, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}
