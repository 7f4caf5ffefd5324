/**
 * The admin API of one process: what people look up and order, on the parts that know and carry out.
 */
import type { Address } from '#lib/http/address.ts';
import { openHttp } from '#lib/http/server.ts';
import { countsSoFar } from '#lib/run/metrics.ts';
import { adminToken } from './data-folder.ts';
import type { DomainAnswers } from './domains.ts';
import type { Ground } from './ground.ts';
import type { Queue } from './queue/queue.ts';
import type { Ledger } from './settle/ledger/ledger.ts';
import { adminRoutes } from './watch/admin.ts';
import { publishAdminUrl } from './watch/admin-client.ts';
import { domainRoutes } from './watch/admin-domains.ts';
import { insightRoutes } from './watch/admin-insight.ts';
import { withDocument } from './watch/admin-openapi.ts';
import { operationRoutes } from './watch/admin-operations.ts';
import { returnedRoutes } from './watch/admin-returned.ts';
import { suppressionRoutes } from './watch/admin-suppressions.ts';
import type { MailWorker } from './worker.ts';

export interface AdminOptions extends Pick<Ground, 'data' | 'random' | 'clock' | 'log' | 'resources'> {
  readonly admin: Address;
  readonly queue: Queue;
  readonly ledger: Ledger;
  /** Absent where nothing is sent. */
  readonly worker?: MailWorker;
  readonly domains: DomainAnswers;
}

/** Resolves when it answers, and commands find it in the data folder. */
export async function openAdmin(options: AdminOptions) {
  const { data, random, admin } = options;
  const token = await adminToken(data, random);
  const server = await openHttp({
    name: 'admin',
    setting: '--admin',
    ...admin,
    token,
    routes: withDocument(routesOf(options)),
  });
  await publishAdminUrl(data, server.url);
  return server;
}

const routesOf = (options: AdminOptions) => {
  const { clock, log, resources, queue, ledger, worker, domains } = options;
  return [
    ...adminRoutes({ ledger, queue }),
    ...(worker ? sendingRoutes(worker, options) : []),
    ...suppressionRoutes({
      clock,
      suppressions: ledger.suppressions,
      orders: ledger.orders,
      isTenant: (name) => resources().credentials.some((it) => it.metadata.namespace === name),
      recorded: (audit) => log.info('operation', { audit }),
    }),
    ...returnedRoutes(ledger),
    ...domainRoutes((name, now) => domains.named(name, now)),
  ];
};

const sendingRoutes = (worker: MailWorker, { clock, ledger }: AdminOptions) => [
  ...insightRoutes({
    view: (asked) => worker.insight.view(asked),
    explain: (asked) => worker.insight.explain(asked),
    counts: countsSoFar,
    now: () => clock.now(),
    sites: () => worker.sites(),
    suspensions: () => worker.operations.suspensions(),
    restraints: () => worker.restraints(),
  }),
  ...operationRoutes({ clock, operations: worker.operations, orders: ledger.orders }),
];
