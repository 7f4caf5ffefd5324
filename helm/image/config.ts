/**
 * What the image says of itself: who runs it, what it runs, for which machines. Pure. The Dockerfile says the same.
 */

/** As container engines name machines, as npm and Debian do, and where Debian keeps their libraries. */
export const MACHINES = {
  amd64: { cpu: 'x64', triplet: 'x86_64-linux-gnu' },
  arm64: { cpu: 'arm64', triplet: 'aarch64-linux-gnu' },
} as const;

export type Machine = keyof typeof MACHINES;

/** Nobody, as the pods that the operator makes have it. */
export const USER = 65_532;
/** The code is no package: Node strips no types from what lies in node_modules. */
export const HOME = '/app';
export const NODE = '/usr/bin/node';

/** As the launcher `postfleet` says them. */
const FLAGS = ['--max-semi-space-size=16', '--no-parallel-scavenge', '--disable-warning=ExperimentalWarning'];

export const EXECUTION = {
  User: `${USER}:${USER}`,
  WorkingDir: HOME,
  Entrypoint: [NODE, ...FLAGS, `${HOME}/postfleet.ts`],
  // The root is read-only: what is compiled once is kept in /tmp, where there is one.
  Env: ['PATH=/usr/bin', 'NODE_COMPILE_CACHE=/tmp/compile'],
} as const;

interface Description {
  readonly machine: Machine;
  readonly version: string;
  /** Digests of the layers as they are unpacked. */
  readonly unpacked: readonly string[];
}

/** The image's configuration, as the OCI image specification has it. Nothing in it is of the day it was made. */
export const imageConfig = ({ machine, version, unpacked }: Description): object => ({
  architecture: machine,
  os: 'linux',
  config: {
    ...EXECUTION,
    Labels: {
      'org.opencontainers.image.title': 'Postfleet',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
  },
  rootfs: { type: 'layers', diff_ids: unpacked },
});

/** What of the checkout is in it, under the same names. */
export const CODE = [
  'LICENSE',
  'package.json',
  'postfleet.ts',
  'crds',
  'lib',
  'mta',
  'operator',
  'examples/standalone',
];
