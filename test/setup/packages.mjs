/**
 * Installs the locked packages when they are missing or older than the lockfile.
 *
 * Plain JavaScript, because it runs before anything is installed, on whatever Node the machine has.
 * Silent when there is nothing to do. Never changes the lockfile.
 */
import { spawnSync } from 'node:child_process';
import { statSync, utimesSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const changedAt = (path) => statSync(root + path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const installed = 'node_modules/.package-lock.json';

if (changedAt(installed) < changedAt('package-lock.json')) {
  process.stderr.write('postfleet: installing the locked packages (once, about a minute) …\n');
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    process.stderr.write('postfleet: `npm ci` failed; the lines above say why\n');
    process.exit(status ?? 1);
  }
  utimesSync(root + installed, new Date(), new Date());
}
