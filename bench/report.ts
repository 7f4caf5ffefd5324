/**
 * The relays' figures for people.
 */
import { table } from './page.ts';
import type { RelayName } from './relays.ts';

export interface Row {
  readonly relay: RelayName;
  readonly connections: number;
  /** What the sink takes to say 250. */
  readonly sinkLatency: string;
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
  'sink',
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
  row.sinkLatency,
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

export const tableOf = (rows: readonly Row[]): string => `${table(HEAD, rows.map(cells))}

Peak memory and CPU are of all processes of the relay; memory that Postfix's processes share counts in each of them.`;
