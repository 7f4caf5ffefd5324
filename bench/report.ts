/**
 * Figures for people: a table on the screen, and the same as a section of `docs/performance.md`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RelayName } from './relays.ts';

export interface Row {
  readonly relay: RelayName;
  readonly connections: number;
  readonly perSecond: number;
  /** To Postfix at as many connections. */
  readonly ratio: number;
  readonly lost: number;
  readonly duplicates: number;
  /** Delivered without a signature; not asked of relays that do not sign. */
  readonly unsigned: number | undefined;
  readonly p50ms: number;
  readonly p99ms: number;
  readonly peakMemory: number | undefined;
  readonly cpuPerThousand: number | undefined;
}

const WHO: Readonly<Record<RelayName, string>> = {
  none: 'source straight into the sink',
  Postfix: 'Postfix, unsigned',
  Postfleet: 'Postfleet, RSA-2048 DKIM, fsync before 250',
};

const HEAD = [
  'relay',
  'connections',
  'messages/s',
  'to Postfix',
  'lost',
  'doubled',
  'unsigned',
  'p50 ms',
  'p99 ms',
  'peak memory MB',
  'CPU s per 1,000',
];

const or = (value: number | undefined, format: (value: number) => string): string =>
  value === undefined ? '–' : format(value);

const cells = (row: Row): string[] => [
  WHO[row.relay],
  String(row.connections),
  String(Math.round(row.perSecond)),
  row.relay === 'none' ? '–' : `${row.ratio.toFixed(2)} ×`,
  String(row.lost),
  String(row.duplicates),
  or(row.unsigned, String),
  row.p50ms.toFixed(0),
  row.p99ms.toFixed(0),
  or(row.peakMemory, (it) => (it / 1e6).toFixed(0)),
  or(row.cpuPerThousand, (it) => it.toFixed(2)),
];

/** A Markdown table whose columns also line up. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cells)];
  const widths = HEAD.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const [head = '', ...body] = lines.map(
    (line) => `| ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`,
  );
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [head, rule, ...body].join('\n');
}

const page = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const BEGIN = '<!-- proof relay: begin (written by `npm run proof -- relay`) -->';
const END = '<!-- proof relay: end -->';

/** Writes the section, in place of the last one. */
export function publish(rows: readonly Row[], command: string, load: string): void {
  const old = existsSync(page) ? readFileSync(page, 'utf8') : `# Performance\n\n${BEGIN}\n${END}\n`;
  const [before = '', rest = `${END}\n`] = old.split(BEGIN);
  const after = rest.split(END)[1] ?? '\n';
  writeFileSync(page, `${before}${BEGIN}\n${sectionOf(rows, command, load)}\n${END}${after}`);
}

const sectionOf = (rows: readonly Row[], command: string, load: string): string => `
\`npm run proof -- relay\` at commit ${commit()}, on ${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores shared by
source, relay and sink, Node ${process.versions.node}. Load average at the start: ${load}. Each row is the median of three
runs, relays in turn: \`${command}\`.

${tableOf(rows)}

Peak memory and CPU are of all processes of the relay; memory that Postfix's processes share counts in each of them.
`;

function commit(): string {
  const id = git('rev-parse', '--short', 'HEAD');
  if (id === undefined) return 'unknown';
  return git('status', '--porcelain') === '' ? id : `${id}, with changes not yet committed`;
}

/** Undefined outside of a repository. */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: dirname(page), encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
