/**
 * Installs the locked packages when they are missing or older than the lockfile.
 *
 * Plain JavaScript, because it runs before anything is installed, on whatever Node the machine has.
 * Silent when there is nothing to do. Never changes the lockfile, nor a `node_modules` that is a link.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, statSync, utimesSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const changedAt = (path) => statSync(root + path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const installed = 'node_modules/.package-lock.json';

// A link leads to another checkout's packages, which are not ours to replace.
const isLinked = lstatSync(`${root}node_modules`, { throwIfNoEntry: false })?.isSymbolicLink() === true;

if (!isLinked && changedAt(installed) < changedAt('package-lock.json')) {
  process.stderr.write('postfleet: installing the locked packages (once, about a minute) …\n');
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    process.stderr.write('postfleet: `npm ci` failed; the lines above say why\n');
    process.exit(status ?? 1);
  }
  utimesSync(root + installed, new Date(), new Date());
}
