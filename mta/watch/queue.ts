/**
 * `postfleet queue`: what waits, lane by lane; which sites rest and why; what people and rules over
 * replies hold back.
 */
import type { Firing } from '../firing.ts';
import type { LaneDepth } from '../queue/queue.ts';
import type { Suspension } from '../suspension.ts';
import { askAdmin } from './admin-client.ts';
import { orderLine } from './operate.ts';

interface SiteLine {
  readonly ready: string;
  readonly connections: number;
  readonly lanes: number;
  readonly waitsFor?: string;
  readonly trouble?: string;
}

interface QueueState {
  readonly lanes: readonly LaneDepth[];
  readonly sites: readonly SiteLine[];
  readonly suspensions: readonly Suspension[];
  readonly restraints: readonly Firing[];
}

/** Prints to `print`; rejects with a fault when nobody answers. */
export async function queueCommand(data: string, asJson: boolean, print: (text: string) => void): Promise<void> {
  const state = (await askAdmin(data, '/v1/queue')) as QueueState;
  print(asJson ? JSON.stringify(state, null, 2) : formatQueue(state));
}

export function formatQueue({ lanes, sites, suspensions, restraints }: QueueState): string {
  const waiting = lanes.toSorted((a, b) => b.depth - a.depth).map((it) => `${it.depth} ${it.lane}`);
  return [
    ...section('waiting', waiting, 'nothing'),
    ...section('sites', sites.map(siteLine), 'none in use'),
    ...section('suspended', suspensions.map(orderLine), 'nothing'),
    ...section('rules that hold', restraints.map(firingLine), 'none'),
  ].join('\n');
}

const section = (title: string, lines: readonly string[], none: string): string[] => [
  `${title}: ${lines.length === 0 ? none : ''}`.trimEnd(),
  ...lines.map((it) => `  ${it}`),
];

function siteLine({ ready, connections, lanes, waitsFor, trouble }: SiteLine): string {
  const what = [
    `${connections} connections`,
    `${lanes} lanes wait`,
    waitsFor === undefined ? '' : `for ${waitsFor}`,
    trouble === undefined ? '' : `last trouble: ${trouble}`,
  ];
  return `${ready}: ${what.filter((it) => it !== '').join(', ')}`;
}

function firingLine({ rule, action, scope, until, sample, course }: Firing): string {
  const whom = scope === 'domain' ? `${course.domain} at ${course.provider}` : course.site;
  const from = scope === 'source' ? ` from ${course.source ?? 'any address'}` : '';
  return `${rule}: ${action} ${whom}${from} until ${new Date(until).toISOString()}: ${sample}`;
}
