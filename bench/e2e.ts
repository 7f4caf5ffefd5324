/**
 * `e2e`: `npm run e2e`, everything from nothing on a Kubernetes node of this machine's own, and what came of each thing that was done to it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cellsOf, HEAD, type Told } from '../test/e2e/load/verdicts.ts';
import { table } from './page.ts';
import type { Finding } from './rounds.ts';

const RUN = fileURLToPath(new URL('../test/e2e/run.ts', import.meta.url));

/** Its tests have judged already: they tell only what is as asked. */
export async function measureE2e(isShort: boolean): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-e2e-told-'));
  try {
    const file = join(folder, 'told.json');
    const env = { ...process.env, POSTFLEET_E2E_TOLD: file };
    const { status } = spawnSync(process.execPath, [RUN, ...(isShort ? ['--short'] : [])], { env, stdio: 'inherit' });
    if (status !== 0) return { text: '', about: '', faults: ['a test of npm run e2e failed: it is said above'] };
    return findingOf(JSON.parse(readFileSync(file, 'utf8')) as Told);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function findingOf({ rows, verdict, rate }: Told): Finding {
  const shares = verdict.sources.map(({ ip, ehlo, delivered }) => {
    const share = ((100 * delivered) / verdict.delivered).toFixed(1);
    return `${share} % from ${ip} (${ehlo})`;
  });
  const about = `One Kubernetes node with all its programs, and source and sink, on ${availableParallelism()} cores; ${verdict.accepted} messages by SMTP and
by HTTP through Services, ${rate.toFixed(0)} handed in a second. Every signature was verified at receipt, by code that is not ours, against what DNS said
then; ${shares.join(', ')}, where the pool's weights are 75 and 25. A message counts in the phase in which it was handed in, its copies where the
first came`;
  return { text: table(HEAD, rows.map(cellsOf)), about, page: 'reliability.md', faults: [] };
}
