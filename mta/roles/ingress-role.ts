/**
 * Composition root of one process that takes mail: listeners, and a queue on NATS that others send from.
 *
 * While nobody there answers new mail is put off within two seconds, by SMTP at MAIL and by HTTP with 503; it recovers by
 * itself. Any number of them may run.
 */
import { noQueue } from '../accept/submitted.ts';
import { openAdmin } from './admin.ts';
import { certificateOf } from './certificate.ts';
import { openClusterLedger } from './cluster-ledger.ts';
import { openClusterQueue } from './cluster-queue.ts';
import { domainsAsked } from '../declared/domains.ts';
import { openClusterSending } from '../insight/cluster-sending.ts';
import { openGround, type Part } from './ground.ts';
import { startIngress } from './ingress.ts';
import { openDomains } from '../declared/open-domains.ts';
import { UsedToday } from '#lib/keyring/used.ts';
import { tellQueue } from './tell-queue.ts';
import { watchQueue } from './queue-gauges.ts';
import { Reach } from './reach.ts';
import { failWith, type Role, type RoleSurroundings, startRole } from './role.ts';

export const startIngressRole = (surroundings: RoleSurroundings): Promise<Role> => startRole(surroundings, build);

async function build(surroundings: RoleSurroundings, opened: AsyncDisposableStack): Promise<Role> {
  const { settings, log } = surroundings;
  let takesMail = false;
  const parts: Part[] = [() => ({ part: 'listeners', ready: takesMail })];
  const ground = await openGround({ settings, log, parts }, opened);
  const { config, declared } = ground;
  const onNats = await openClusterQueue(ground, settings, opened);
  const { queue, streams, layout } = onNats;
  const reach = opened.adopt(
    new Reach({ clock: ground.clock, ask: () => streams.about(layout.log), changed: (it) => tellReach(it, log) }),
    (it) => it.close(),
  );
  parts.push(() => queuePart(reach));
  watchQueue(queue, ground.clock);
  tellQueue(ground, onNats);
  const used = new UsedToday(ground.clock);
  ground.tellOperator(used.word);
  const ledger = await openClusterLedger(ground, onNats, opened);
  const { suppressions } = ledger;
  const domains = opened.adopt(await openDomains(ground), (it) => it.close());
  declared.onChange(() => domains.declare());
  failWith(ground, surroundings);
  const common = { ...ground, queue, ledger, suppressions };
  const sending = openClusterSending(ground, onNats, ledger.orders, opened);
  const asked = { ...common, orders: ledger.orders, admin: settings.admin, sending, domains, shared: settings.keyring };
  const admin = opened.adopt(await openAdmin(asked), (it) => it.close());
  const certificate = async (listener: Parameters<typeof certificateOf>[0]) =>
    opened.adopt(await certificateOf(listener, ground), (it) => it.close());
  const trace = (id: string) => ledger.trace(id);
  const putOff = () => (reach.isAway ? noQueue : undefined);
  const ingress = opened.adopt(
    await startIngress({
      ...common,
      certificate,
      trace,
      putOff,
      ...domainsAsked(domains),
      used: (username) => used.note(username),
    }),
    (it) => it.close(),
  );
  takesMail = true;
  log.info('ready', { role: 'ingress', config });
  return {
    metricsUrl: ground.metricsUrl,
    adminUrl: admin.url,
    listeners: ingress.listeners.map((it) => `${it.name} ${it.host}:${it.port}`),
    stop: async () => {
      takesMail = false;
      await ingress.close();
    },
  };
}

const queuePart = ({ isAway }: Reach): ReturnType<Part> =>
  isAway ? { part: 'queue', ready: false, reason: 'NATS does not answer' } : { part: 'queue', ready: true };

function tellReach(isAway: boolean, log: RoleSurroundings['log']): void {
  if (isAway) log.error('NATS does not answer: new mail is put off until it does', {});
  else log.info('NATS answers again: new mail is taken', {});
}
