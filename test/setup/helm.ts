/**
 * Makes sure of Helm, in both of its major versions: built once from their Go modules into a folder that git ignores.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { giveUp, run, say, works } from './tools.ts';

const VERSIONS = { 3: 'v3.22.0', 4: 'v4.3.0' } as const;

export type HelmMajor = keyof typeof VERSIONS;

const cache = fileURLToPath(new URL('../../.cache', import.meta.url));

/** Where it is, or will be once it is built. */
export const helmFile = (major: HelmMajor): string => join(cache, `helm-${VERSIONS[major]}`);

/** Returns when both are there; otherwise says what to do and ends the process with 1. */
export async function needHelm(): Promise<void> {
  for (const major of [3, 4] as const) if (!existsSync(helmFile(major))) await build(major);
}

async function build(major: HelmMajor): Promise<void> {
  if (!works(['go', 'version'])) giveUp('these tests need Go 1.26 or later; install it from https://go.dev/dl');
  const module = `helm.sh/helm/v${major}/cmd/helm@${VERSIONS[major]}`;
  say(`building helm ${VERSIONS[major]} (once, some minutes) …`);
  const folder = join(cache, `gobin-helm-${major}`);
  await mkdir(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0' };
  const flags = ['-trimpath', '-ldflags', '-s -w'];
  if (!run('nice', ['-n', '19', 'go', 'install', ...flags, module], { env }))
    giveUp(`\`go install ${module}\` failed; it needs Go 1.26 or later and a module proxy`);
  await rename(join(folder, 'helm'), helmFile(major));
}

/** `node test/setup/helm.ts` builds them ahead of any test. */
if (process.argv[1] === fileURLToPath(import.meta.url)) await needHelm();
