/**
 * `npm run image`: writes the image as a tar in OCI layout, without a container engine.
 *
 *   npm run image -- --to postfleet.tar --machine amd64 --machine arm64 --name postfleet:1.0.0
 *
 * On Debian or its like, for either machine on either. Node, packages and code are those of this checkout and its lockfile, libraries
 * are Debian's newest of the release that this machine has.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Machine, MACHINES } from './image/config.ts';
import { Layout } from './image/layout.ts';
import { layTree } from './image/tree.ts';

const KEPT = fileURLToPath(new URL('../.cache/image', import.meta.url));

const { values } = parseArgs({
  options: {
    to: { type: 'string', default: 'postfleet.tar' },
    machine: { type: 'string', multiple: true, default: Object.keys(MACHINES) },
    name: { type: 'string' },
  },
});

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const folder = mkdtempSync(join(tmpdir(), 'postfleet-image-'));
try {
  mkdirSync(KEPT, { recursive: true });
  const layout = new Layout(join(folder, 'layout'), KEPT);
  for (const machine of values.machine.map(known)) {
    const tree = join(folder, machine);
    layout.add(machine, version, layTree(tree, machine, KEPT));
    rmSync(tree, { recursive: true });
  }
  layout.write(values.to, values.name ?? `postfleet:${version}`);
} finally {
  rmSync(folder, { recursive: true });
}

function known(name: string): Machine {
  if (name in MACHINES) return name as Machine;
  throw new Error(`--machine must be one of ${Object.keys(MACHINES).join(', ')}; "${name}" is not.`);
}
