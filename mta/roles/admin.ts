/**
 * The admin API of a process: what people look up and order, on the parts that know and carry out.
 */
import type { Address } from '#lib/http/address.ts';
import { openHttp } from '#lib/http/server.ts';
import { adminToken } from './data-folder.ts';
import type { DomainAnswers } from '../declared/domains.ts';
import type { Ground } from './ground.ts';
import { Operations } from '../insight/operations.ts';
import type { Sending } from '../insight/sending.ts';
import type { Ledger } from '../settle/ledger/ledger.ts';
import type { Orders } from '../settle/ledger/orders.ts';
import { adminRoutes } from '../watch/admin.ts';
import { publishAdminUrl } from '../watch/admin-client.ts';
import { domainRoutes } from '../watch/admin-domains.ts';
import { insightRoutes } from '../watch/admin-insight.ts';
import { withDocument } from '../watch/admin-openapi.ts';
import { operationRoutes } from '../watch/admin-operations.ts';
import { returnedRoutes } from '../watch/admin-returned.ts';
import { suppressionRoutes } from '../watch/admin-suppressions.ts';

export interface AdminOptions extends Pick<Ground, 'data' | 'random' | 'clock' | 'log' | 'resources'> {
  readonly admin: Address;
  readonly sending: Sending;
  readonly ledger: Ledger;
  readonly orders: Orders;
  readonly domains: DomainAnswers;
  /** Folder of keys that several processes share; the token of all of them may lie there. */
  readonly shared?: string | undefined;
}

/** Resolves when it answers, and commands find it in the data folder. */
export async function openAdmin(options: AdminOptions) {
  const { data, random, admin, shared } = options;
  // One that is shared may come, or become another, while this process runs.
  const token = (): Promise<string> => adminToken(data, random, shared);
  await token();
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
  const { clock, log, resources, ledger, domains, sending } = options;
  return [
    ...adminRoutes({ ledger, pendingOf: sending.pendingOf }),
    ...sendingRoutes(options),
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

const sendingRoutes = (options: AdminOptions) => {
  const { sending, clock, orders } = options;
  const operations = new Operations({ ...options, ...sending });
  return [
    ...insightRoutes({ ...sending, suspensions: () => operations.suspensions() }),
    ...operationRoutes({ clock, operations, orders }),
  ];
};
