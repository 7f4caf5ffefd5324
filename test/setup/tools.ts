/**
 * Makes sure of the programs that real tests need: installs Debian packages where it may, else says the line to run.
 *
 * Nothing that is installed here is left running: a package's own daemon is kept from starting.
 */
import { spawnSync, type SpawnSyncOptions } from 'node:child_process';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Tool {
  /** Exits 0 when the tool is there. */
  readonly probe: readonly string[];
  readonly packages: readonly string[];
}

const TOOLS = {
  strace: { probe: ['strace', '-V'], packages: ['strace'] },
  swaks: { probe: ['swaks', '--version'], packages: ['swaks'] },
  curl: { probe: ['curl', '--version'], packages: ['curl'] },
  // swaks needs these for TLS and says so only when it is asked for TLS.
  perl: {
    probe: ['perl', '-MNet::SSLeay', '-MIO::Socket::SSL', '-e', '1'],
    packages: ['libnet-ssleay-perl', 'libio-socket-ssl-perl'],
  },
  knot: { probe: ['/usr/sbin/knotd', '-V'], packages: ['knot'] },
  unbound: { probe: ['/usr/sbin/unbound', '-V'], packages: ['unbound'] },
  prometheus: { probe: ['promtool', '--version'], packages: ['prometheus'] },
  redis: { probe: ['redis-server', '--version'], packages: ['redis-server'] },
  containerd: { probe: ['containerd', '--version'], packages: ['containerd'] },
  runc: { probe: ['runc', '--version'], packages: ['runc'] },
  cni: { probe: ['test', '-x', '/usr/lib/cni/bridge'], packages: ['containernetworking-plugins'] },
  iptables: { probe: ['iptables', '--version'], packages: ['iptables'] },
  conntrack: { probe: ['conntrack', '--version'], packages: ['conntrack'] },
  postfix: { probe: ['/usr/sbin/postconf', '-d', 'mail_version'], packages: ['postfix'] },
} satisfies Record<string, Tool>;

export type ToolName = keyof typeof TOOLS;

const root = fileURLToPath(new URL('../../', import.meta.url));
export const say = (line: string): void => void process.stderr.write(`postfleet: ${line}\n`);

/** The load source and sink, built from `bench/mailbench`. */
export const MAILBENCH = join(root, '.cache/mailbench');
/** A file system that forgets what was not fsynced, built from `test/harness/forgetful`. */
export const FORGETFUL = join(root, '.cache/forgetful');
/** What a pod begins with, built from `test/setup/pause`. */
export const PAUSE = join(root, '.cache/pause');

/** Returns when all of them are there; otherwise says what to do and ends the process with 1. */
export function needTools(...names: readonly ToolName[]): void {
  const missing = names.map((name): Tool => TOOLS[name]).filter((it) => !works(it.probe));
  if (missing.length === 0) return;
  const packages = missing.flatMap((it) => it.packages);
  const line = `apt-get install --yes --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !works(['apt-get', '--version'])) {
    return giveUp(`these tests need ${packages.join(', ')}; run:  sudo ${line}`);
  }
  say(`installing ${packages.join(', ')} …`);
  if (!install(packages) || !missing.every((it) => works(it.probe))) giveUp(`that failed; run:  ${line}`);
}

/** The NATS server that tests start, and where it is built: a version once. */
const NATS_VERSION = 'v2.15.2';
export const NATS_SERVER = join(root, `.cache/nats-server-${NATS_VERSION}`);

/** Builds nats-server from its Go module, when this version is not there. */
export async function needNats(): Promise<void> {
  if (existsSync(NATS_SERVER)) return;
  needGoCommand();
  say(`building nats-server ${NATS_VERSION} (once, about a minute) …`);
  const folder = join(root, '.cache/gobin');
  const module = `github.com/nats-io/nats-server/v2@${NATS_VERSION}`;
  if (!run('go', ['install', module], { env: { ...process.env, GOBIN: folder } })) {
    giveUp(`\`go install ${module}\` failed; it needs Go 1.24 or later and a module proxy`);
  }
  await rename(join(folder, 'nats-server'), NATS_SERVER);
}

/** Builds mailbench. */
export const needMailbench = (): Promise<void> => needGo('bench/mailbench', MAILBENCH);

/** Builds the file system that loses power. */
export const needForgetful = (): Promise<void> => needGo('test/harness/forgetful', FORGETFUL);

/** Builds what a pod begins with. */
export const needPause = (): Promise<void> => needGo('test/setup/pause', PAUSE);

/** Builds a Go program of ours when it is missing or older than its source. */
async function needGo(folder: string, program: string): Promise<void> {
  const source = join(root, folder);
  const files = (await readdir(source)).filter((it) => /\.(go|mod|sum)$/.test(it));
  const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Math.max(...files.map((it) => changedAt(join(source, it)))) < changedAt(program)) return;
  needGoCommand();
  say(`building ${basename(program)} …`);
  if (!run('go', ['build', '-o', program, '.'], { cwd: source })) {
    giveUp(`\`go build\` in ${folder} failed; it needs Go 1.24 or later`);
  }
}

function needGoCommand(): void {
  if (!works(['go', 'version'])) giveUp('these tests need Go 1.24 or later; install it from https://go.dev/dl');
}

export const works = ([command = '', ...args]: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

export function giveUp(why: string): never {
  say(why);
  process.exit(1);
}

/** Debian asks this file whether a package may start its daemon; 101 is no. */
const POLICY = '/usr/sbin/policy-rc.d';

function install(packages: readonly string[]): boolean {
  const isOurs = !existsSync(POLICY);
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return (
      debian('debconf-set-selections', [], 'postfix postfix/main_mailer_type select No configuration\n') &&
      debian('apt-get', ['update', '--quiet']) &&
      debian('apt-get', ['install', '--yes', '--no-install-recommends', '--quiet', ...packages])
    );
  } finally {
    if (isOurs) rmSync(POLICY);
  }
}

function debian(command: string, args: readonly string[], input = ''): boolean {
  return run(command, args, { input, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}

/** Shows what it prints on standard error; whether it ended well. */
export function run(command: string, args: readonly string[], options: SpawnSyncOptions): boolean {
  return spawnSync(command, args, { ...options, stdio: ['pipe', 2, 2] }).status === 0;
}
