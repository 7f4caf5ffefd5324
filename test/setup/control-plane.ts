/**
 * Makes sure of Kubernetes' own programs, for tests on a real API server, and on a real node.
 *
 * `KUBEBUILDER_ASSETS` names a folder that has them, `TEST_ASSET_ETCD` and the like a single one, as for envtest. What is
 * not there is built once from Go modules into a folder that git ignores, keyed by version: some minutes, then nothing.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { giveUp, run, say, works } from './tools.ts';

interface Source {
  /** Folder with the go.mod that says the version. */
  readonly folder: string;
  /** Module whose version counts. */
  readonly module: string;
  readonly package: string;
  /** Of envtest. */
  readonly variable?: string;
}

const KUBERNETES = { folder: 'kubernetes', module: 'k8s.io/kubernetes' };

const PROGRAMS = {
  etcd: {
    folder: 'etcd',
    module: 'go.etcd.io/etcd/server/v3',
    package: 'go.etcd.io/etcd/server/v3',
    variable: 'TEST_ASSET_ETCD',
  },
  'kube-apiserver': {
    ...KUBERNETES,
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    variable: 'TEST_ASSET_KUBE_APISERVER',
  },
  'kube-controller-manager': {
    ...KUBERNETES,
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    variable: 'TEST_ASSET_KUBE_CONTROLLER_MANAGER',
  },
  kubectl: { ...KUBERNETES, package: 'k8s.io/kubernetes/cmd/kubectl', variable: 'TEST_ASSET_KUBECTL' },
} satisfies Record<string, Source>;

/** What a node has beside. */
const NODE_PROGRAMS = {
  'kube-scheduler': { ...KUBERNETES, package: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  'kube-proxy': { ...KUBERNETES, package: 'k8s.io/kubernetes/cmd/kube-proxy' },
  kubelet: { ...KUBERNETES, package: 'k8s.io/kubernetes/cmd/kubelet' },
  coredns: { folder: 'coredns', module: 'github.com/coredns/coredns', package: '.' },
} satisfies Record<string, Source>;

const ALL: Readonly<Record<KubernetesProgram, Source>> = { ...PROGRAMS, ...NODE_PROGRAMS };

type KubernetesProgram = keyof typeof PROGRAMS | keyof typeof NODE_PROGRAMS;

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, '../../.cache');

/** Where a program is, or will be once it is built. */
export function programFile(name: KubernetesProgram): string {
  const { variable, module, folder } = ALL[name];
  const alone = variable === undefined ? undefined : process.env[variable];
  if (alone) return alone;
  const assets = process.env['KUBEBUILDER_ASSETS'];
  const given = assets ? join(assets, name) : undefined;
  // Those assets have no controller manager.
  return given !== undefined && existsSync(given) ? given : join(cache, `${folder}-${versionOf(folder, module)}`, name);
}

/** Returns when all of them are there; otherwise says what to do and ends the process with 1. */
export function needControlPlane(): void {
  need(Object.keys(PROGRAMS) as KubernetesProgram[]);
}

/** To speak to one that is there. */
export function needKubectl(): void {
  need(['kubectl']);
}

/** A name server of one's own. */
export function needNames(): void {
  need(['coredns']);
}

/** Also what makes this machine a node. */
export function needNode(): void {
  need(Object.keys(ALL) as KubernetesProgram[]);
}

function need(names: readonly KubernetesProgram[]): void {
  for (const name of names) if (!existsSync(programFile(name))) build(name, programFile(name));
}

function build(name: KubernetesProgram, program: string): void {
  if (!program.startsWith(cache)) giveUp(`there is no ${program}; set KUBEBUILDER_ASSETS to a folder that has ${name}`);
  if (!works(['go', 'version'])) giveUp('these tests need Go 1.24 or later; install it from https://go.dev/dl');
  const { folder, module, package: target } = ALL[name];
  const version = versionOf(folder, module);
  say(`building ${name} ${version} (once, some minutes) …`);
  mkdirSync(dirname(program), { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const flags = ['-trimpath', '-ldflags', `-s -w ${versionFlags(version)}`, '-o', unfinished, target];
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };
  if (!run('nice', ['-n', '19', 'go', 'build', ...flags], { cwd: join(here, folder), env }))
    giveUp(`building ${basename(program)} failed; the lines above say why`);
  renameSync(unfinished, program);
}

function versionOf(folder: string, module: string): string {
  const mod = readFileSync(join(here, folder, 'go.mod'), 'utf8');
  const found = new RegExp(`^\\s*(?:require )?${module.replaceAll('.', '\\.')} v(\\S+)`, 'm').exec(mod)?.[1];
  return found ?? giveUp(`test/setup/${folder}/go.mod requires no ${module}`);
}

/** What the API server says of itself, and what clients decide by. */
function versionFlags(version: string): string {
  const [major = '', minor = ''] = version.split('.');
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  return Object.entries(values)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
}

/** `node test/setup/control-plane.ts` builds them ahead of any test. */
if (process.argv[1] === fileURLToPath(import.meta.url)) needControlPlane();
