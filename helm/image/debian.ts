/**
 * The few libraries that Node needs, from Debian's packages for the machine that is asked for, and their licences.
 *
 * Packages are found and fetched by apt with a state of its own: nothing on this machine is installed or changed, and what was fetched is
 * kept for the next time. Needs apt-get and dpkg-deb.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Machine, MACHINES } from './config.ts';

const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6'];

/** What the Node of npm's packages is linked with, and what that loads by itself. */
const LIBRARIES = /^(ld-linux.*|lib(c|m|dl|pthread|rt|resolv|gcc_s|stdc\+\+)\.so\.\d+(\.\d+)*)$/;

/** Lays libraries and licences into `root`. `kept` outlives a call. */
export function layLibraries(root: string, machine: Machine, kept: string): void {
  const unpacked = join(kept, `unpacked-${machine}`);
  rmSync(unpacked, { recursive: true, force: true });
  for (const file of packages(machine, join(kept, `apt-${machine}`)))
    execFileSync('dpkg-deb', ['--extract', file, unpacked]);
  const { triplet } = MACHINES[machine];
  for (const folder of [`lib/${triplet}`, `usr/lib/${triplet}`, 'lib64', 'lib'])
    layFrom(join(unpacked, folder), join(root, 'usr', folder.replace(/^usr\//, '')));
  for (const name of PACKAGES) layLicence(join(unpacked, 'usr/share/doc', name), join(root, 'usr/share/doc', name));
}

/** The packages' files, fetched if they are not there. */
function packages(machine: Machine, state: string): string[] {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'log'])
    mkdirSync(join(state, folder), { recursive: true });
  const own = {
    'APT::Architecture': machine,
    'APT::Architectures': machine,
    'Dir::State': state,
    'Dir::State::status': '/dev/null',
    'Dir::Cache': join(state, 'cache'),
    'Dir::Log': join(state, 'log'),
    'APT::Sandbox::User': 'root',
    'Debug::NoLocking': 'true',
  };
  const options = Object.entries(own).flatMap(([name, value]) => ['--option', `${name}=${value}`]);
  const apt = (...args: readonly string[]): void =>
    void execFileSync('apt-get', [...options, '--quiet=2', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  apt('update');
  apt('--yes', '--no-install-recommends', '--download-only', 'install', ...PACKAGES);
  const archives = join(state, 'cache/archives');
  return PACKAGES.map((name) => newest(archives, name));
}

/** What was fetched before may lie beside it. */
function newest(archives: string, name: string): string {
  const all = readdirSync(archives).filter((it) => it.startsWith(`${name}_`) && it.endsWith('.deb'));
  const last = all.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (last === undefined) throw new Error(`apt-get fetched no ${name}`);
  return join(archives, last);
}

function layFrom(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((it) => LIBRARIES.test(it)))
    cpSync(join(from, name), join(to, name), { verbatimSymlinks: true });
}

function layLicence(from: string, to: string): void {
  if (!existsSync(join(from, 'copyright'))) return;
  mkdirSync(to, { recursive: true });
  cpSync(join(from, 'copyright'), join(to, 'copyright'));
}
