/**
 * The files of the image, laid out as folders: what runs it, and what it runs.
 *
 * Packages are those of the lockfile without what is for development, for the machine that is asked for; Node is one of them. No file is
 * there for tests. Needs npm.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOME, type Machine, MACHINES, NODE, USER } from './config.ts';
import { layLibraries } from './debian.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const CODE = ['LICENSE', 'package.json', 'postfleet.ts', 'crds', 'lib', 'mta', 'operator', 'examples/standalone'];
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
  layPackages(home, machine);
  layNode(home, runtime, machine);
  layLibraries(runtime, machine, kept);
  laySystem(runtime);
  return { runtime, app };
}

function layCode(home: string): void {
  for (const path of CODE)
    cpSync(join(ROOT, path), join(home, path), { recursive: true, filter: (from) => !NOT_RUN.test(from) });
}

function layPackages(home: string, machine: Machine): void {
  cpSync(join(ROOT, 'package-lock.json'), join(home, 'package-lock.json'));
  const { cpu } = MACHINES[machine];
  const flags = ['--omit=dev', '--ignore-scripts', '--os=linux', `--cpu=${cpu}`, '--libc=glibc'];
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  execFileSync('npm', ['ci', ...flags, ...quiet], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(join(home, 'package-lock.json'));
}

/** Node leaves its package, and takes with it what only builds need. */
function layNode(home: string, runtime: string, machine: Machine): void {
  const packages = join(home, 'node_modules');
  const own = join(packages, `node-linux-${MACHINES[machine].cpu}`);
  mkdirSync(dirname(join(runtime, NODE)), { recursive: true });
  renameSync(join(own, 'bin/node'), join(runtime, NODE));
  mkdirSync(join(runtime, 'usr/share/doc/node'), { recursive: true });
  renameSync(join(own, 'LICENSE'), join(runtime, 'usr/share/doc/node/copyright'));
  for (const name of [own, join(packages, '.bin'), join(packages, '.package-lock.json')])
    rmSync(name, { recursive: true, force: true });
  const all = readdirSync(packages, { recursive: true, withFileTypes: true });
  for (const it of all) if (it.isFile() && NOT_NEEDED.test(it.name)) rmSync(join(it.parentPath, it.name));
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
