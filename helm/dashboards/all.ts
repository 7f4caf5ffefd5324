/**
 * Every dashboard, and its file.
 */
import { type Dashboard, grafanaJson } from './dashboard.ts';
import { deferrals } from './deferrals.ts';
import { domains } from './domains.ts';
import { egress } from './egress.ts';
import { health } from './health.ts';
import { mail } from './mail.ts';
import { operator } from './operator.ts';
import { pools } from './pools.ts';
import { queue } from './queue.ts';
import { tenants } from './tenants.ts';

export const DASHBOARDS: readonly Dashboard[] = [
  mail,
  deferrals,
  queue,
  tenants,
  domains,
  pools,
  egress,
  health,
  operator,
];

/** Names of files and their text. */
export const dashboardFiles = (): ReadonlyMap<string, string> =>
  new Map(DASHBOARDS.map((it) => [`${it.uid.replace(/^postfleet-/, '')}.json`, grafanaJson(it)]));
