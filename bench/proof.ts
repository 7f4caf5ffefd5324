/**
 * `npm run bench -- NAME [--short]` measures, prints a table and says whether what is asked of it holds; without a name
 * it is `relay`, the one that compares;
 * `npm run proof -- NAME [--short]` does the same and, where it holds, writes the table to `docs/performance.md`, or to
 * the page that the measurement names.
 *
 * `--short` asks for the same on little mail, and nothing is written. The last line is `N passed, N failed`, a
 * measurement being one.
 */
import { measureBacklog } from './backlog.ts';
import { measureBefore } from './before.ts';
import { measureBlocked } from './blocked.ts';
import { measureChaos } from './chaos.ts';
import { measureCluster } from './cluster.ts';
import { measureCrash } from './crash.ts';
import { measureDestinations } from './destinations.ts';
import { measureDomains } from './domains.ts';
import { measureE2e } from './e2e.ts';
import { measureEgress } from './egress.ts';
import { measureHttp } from './http.ts';
import { measureMutation, measureQueueMutation } from './mutation.ts';
import { measureNeighbours } from './neighbours.ts';
import { loadAverage, publishSection } from './page.ts';
import { measureReceivers } from './receivers.ts';
import { measureRelay } from './relay.ts';
import { measureRestarts } from './restarts.ts';
import { measureSimulation } from './simulation.ts';
import { measureSlowDisk } from './slow-disk.ts';
import { measureSoak } from './soak.ts';
import { measureTakeOver } from './take-over.ts';
import { measureTakeOverKills } from './take-over-kills.ts';
import type { Finding, Measurement } from './rounds.ts';

const MEASUREMENTS = new Map<string, Measurement>([
  ['relay', measureRelay],
  ['http', measureHttp],
  ['before', measureBefore],
  ['domains', measureDomains],
  ['egress', measureEgress],
  ['receivers', measureReceivers],
  ['cluster', measureCluster],
  ['backlog', measureBacklog],
  ['blocked', measureBlocked],
  ['destinations', measureDestinations],
  ['neighbours', measureNeighbours],
  ['crash', measureCrash],
  ['chaos', measureChaos],
  ['restarts', measureRestarts],
  ['soak', measureSoak],
  ['slow-disk', measureSlowDisk],
  ['e2e', measureE2e],
  ['take-over', measureTakeOver],
  ['take-over-kills', measureTakeOverKills],
  ['simulation', measureSimulation],
  ['mutation', measureMutation],
  ['queue-mutation', measureQueueMutation],
]);
/** Faults that are shown. */
const MOST_SAID = 20;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function show({ text, faults }: Finding): void {
  say(`\n${text}\n`);
  for (const fault of faults.slice(0, MOST_SAID)) say(`FAIL ${fault}`);
  say(faults.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed');
}

const [command = '', name = 'relay', ...flags] = process.argv.slice(2);
const measure = MEASUREMENTS.get(name);
if (!measure || flags.some((it) => it !== '--short')) {
  process.stderr.write(`usage: npm run ${command} -- ${[...MEASUREMENTS.keys()].join('|')} [--short]\n`);
  process.exit(2);
}
const isShort = flags.includes('--short');
const load = loadAverage();
say(`load average: ${load}`);
const found = await measure(isShort, say);
const isProven = found.faults.length === 0;
if (command === 'proof' && isProven && !isShort) publishSection(name, load, found);
show(found);
process.exit(isProven ? 0 : 1);
