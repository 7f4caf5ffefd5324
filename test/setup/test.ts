/**
 * `npm test`: makes sure of the tools, then runs every test, those that need Node only first.
 *
 * Arguments choose files, as for vitest, and `--project unit|real` one of the two suites (`e2e`: `npm run e2e`). The last line is `N passed, N failed`, over all suites, with `, N skipped`
 * when any were. A file that cannot be loaded and an error outside of tests each count as failed; no tests at all is a
 * failure. Exit code 1 if anything failed.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startVitest, type Vitest } from 'vitest/node';
import { needControlPlane } from './control-plane.ts';
import { needHelm } from './helm.ts';
import { needForgetful, needMailbench, needNats, needTools } from './tools.ts';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const { values, positionals: chosen } = parseArgs({ options: { project: { type: 'string' } }, allowPositionals: true });
const { project = 'unit,real' } = values;

function count(vitest: Vitest): Counts {
  const counts: Counts = { passed: 0, failed: vitest.state.getUnhandledErrors().length, skipped: 0 };
  for (const module of vitest.state.getTestModules()) {
    if (module.errors().length > 0) counts.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      counts[state === 'pending' ? 'failed' : state] += 1;
    }
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed += 1;
  }
  return counts;
}

/** Tests that need a control plane, which takes minutes to build. */
const KUBERNETES = fileURLToPath(new URL('../kubernetes', import.meta.url));
const isChosen = (file: string): boolean => chosen.length === 0 || chosen.some((it) => file.includes(it));

async function needServers(): Promise<void> {
  needTools('strace', 'curl', 'swaks', 'perl', 'postfix', 'knot', 'unbound', 'prometheus', 'redis');
  await needMailbench();
  await needForgetful();
  await needNats();
  const onKubernetes = readdirSync(KUBERNETES).filter((it) => isChosen(`${KUBERNETES}/${it}`));
  if (onKubernetes.length > 0) needControlPlane();
  if (onKubernetes.some((it) => it.includes('chart'))) await needHelm();
}

// Programs and threads that tests start compile nothing twice.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../../.cache/compile', import.meta.url));
if (project.includes('real')) await needServers();
const vitest = await startVitest(chosen, { watch: false, run: true, project: project.split(',') });
const { passed, failed, skipped } = count(vitest);
await vitest.close();
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
