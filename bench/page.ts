/**
 * Tables for people, on the screen and as sections of pages in `docs`, one a measurement.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from './rounds.ts';

/** A Markdown table whose columns also line up. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const [first = '', ...body] = all.map(
    (line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`,
  );
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [first, rule, ...body].join('\n');
}

/** The machine's, over one, five and fifteen minutes. */
export const loadAverage = (): string =>
  loadavg()
    .map((it) => it.toFixed(2))
    .join(', ');

/** Of bytes, in whole ones. */
export const inMegabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** The run in the middle by rate. */
export function middleOf<Run>(runs: readonly Run[], rate: (run: Run) => number): Run {
  const middle = runs.toSorted((a, b) => rate(a) - rate(b))[Math.floor(runs.length / 2)];
  if (!middle) throw new Error('a row needs a run');
  return middle;
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

const DOCS = fileURLToPath(new URL('../docs', import.meta.url));

/** Writes a proof's section, in place of its last one. */
export function publishSection(proof: string, load: string, found: Omit<Finding, 'faults'>): void {
  const page = join(DOCS, found.page ?? 'performance.md');
  const command = `npm run proof -- ${proof}`;
  const begin = `<!-- proof ${proof}: begin (written by \`${command}\`) -->`;
  const end = `<!-- proof ${proof}: end -->`;
  const old = readFileSync(page, 'utf8');
  const whole = old.includes(begin) ? old : `${old.trimEnd()}\n\n${begin}\n${end}\n`;
  const [before = '', rest = ''] = whole.split(begin);
  const after = rest.split(end)[1] ?? '\n';
  const machine = found.page === undefined ? `, ${machineOf(load)}` : '';
  const section = `\`${command}\` at commit ${commit()}${machine}. ${found.about}.`;
  writeFileSync(page, `${before}${begin}\n\n${section}\n\n${found.text}\n\n${end}${after}`);
}

/** What figures of speed depend on. */
const machineOf = (load: string): string =>
  `on ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores shared by
source, relay and sink, Node ${process.versions.node}. Load average at the start: ${load}`;

function commit(): string {
  const id = git('rev-parse', '--short', 'HEAD');
  if (id === undefined) return 'unknown';
  return git('status', '--porcelain') === '' ? id : `${id}, with changes not yet committed`;
}

/** Undefined outside of a repository. */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: DOCS, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
