/**
 * Composition root of one machine: submission, queue, delivery and what watches them, in one process on one data folder.
 *
 * Opens the parts so that nothing is accepted before it can be delivered, and closes them in the reverse order. A start
 * that fails closes what it had opened and says what to do.
 */
import { join } from 'node:path';
import { usernameOf } from '#crds/kinds/sending-credential.ts';
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { SendingDomain } from '#crds/kinds/sending-domain.ts';
import { resolverOn } from '#lib/dns/resolver.ts';
import { openDomainAuthorities } from '#lib/domain/authorities.ts';
import { machineServers, parseServer } from '#lib/dns/server.ts';
import { openStub } from '#lib/dns/stub.ts';
import { collectSooner } from '#lib/run/garbage.ts';
import { openHttp } from '#lib/http/server.ts';
import { type Duration, minutes, seconds, systemClock as clock } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Log } from '#lib/run/log.ts';
import { countsSoFar, watchGauge, watchProcess } from '#lib/run/metrics.ts';
import type { Tracer } from '#lib/trace/tracer.ts';
import { yieldToEventLoop } from '#lib/run/priority.ts';
import { systemRandom as random } from '#lib/run/random.ts';
import { certificateOf, type LoadedCertificate, ownCertificate } from './certificate.ts';
import { adminToken, openData, openInHand } from './data-folder.ts';
import { apiUrlOf, Declared, endpointOf } from './declared.ts';
import { diskPart, watchDisk } from './disk-watch.ts';
import { Domains } from './domains.ts';
import { startIngress } from './ingress.ts';
import type { Queue } from './queue/queue.ts';
import type { AfterCrash } from './queue/sqlite/crashes.ts';
import { SqliteQueue } from './queue/sqlite/queue.ts';
import { QUEUED_IDS } from './queue/sqlite/tables.ts';
import { startReceiver } from './receiver.ts';
import { recordEvent, SqliteLedger } from './settle/ledger/sqlite.ts';
import { parseAddress } from '#lib/http/address.ts';
import type { StandaloneSettings } from './settings.ts';
import { SharedLimits } from './shared-limits.ts';
import { tellEvent } from './tell-event.ts';
import { publishAdminUrl } from './watch/admin-client.ts';
import { domainRoutes } from './watch/admin-domains.ts';
import { insightRoutes } from './watch/admin-insight.ts';
import { withDocument } from './watch/admin-openapi.ts';
import { operationRoutes } from './watch/admin-operations.ts';
import { suppressionRoutes } from './watch/admin-suppressions.ts';
import { returnedRoutes } from './watch/admin-returned.ts';
import { adminRoutes } from './watch/admin.ts';
import { healthRoutes } from '#lib/http/health.ts';
import { publishHint, type SubmissionHint } from './watch/send.ts';
import { MailWorker, type WorkerOptions } from './worker.ts';

export interface Standalone {
  readonly metricsUrl: string;
  readonly adminUrl: string;
  /** Where mail is taken: `submission 127.0.0.1:2525`. */
  readonly listeners: readonly string[];
  /** How to send a first message; absent without a credential, a domain and a listener. */
  readonly hint: SubmissionHint | undefined;
  /** Where the HTTP API is, without the path; absent without a listener for it. */
  readonly apiUrl: string | undefined;
  /** Folder of the built-in receiver, if the resources ask for one. */
  readonly received: string | undefined;
  /** Takes nothing new, lets what is under way end, closes everything. */
  stop(): Promise<void>;
}

export interface StandaloneSurroundings {
  readonly settings: StandaloneSettings;
  readonly log: Log;
  /** Shows a line to whoever started it. */
  readonly show: (line: string) => void;
  /** Told when it cannot go on: nothing can be stored any more. What was accepted is safe; start again. */
  readonly failed: (fault: Fault) => void;
}

/** On the `MTACluster`: where the built-in receiver listens. One machine only. */
const RECEIVER = 'postfleet.io/receiver';
/** Steps by which signing gives way to accepting and sending (measured in docs/decisions/0006). */
const SIGNING_YIELDS = 10;
/** The longest wait for the reply to a final dot, and a little. */
const DRAIN_DELIVERY: Duration = minutes(11);

export async function startStandalone(surroundings: StandaloneSurroundings): Promise<Standalone> {
  const opened = new AsyncDisposableStack();
  try {
    return await build(surroundings, opened);
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

async function build(surroundings: StandaloneSurroundings, opened: AsyncDisposableStack): Promise<Standalone> {
  const { settings, log, failed } = surroundings;
  const { config, data, hostname } = settings;
  const database = opened.adopt(await openData(data, settings.fresh), (it) => it.close());
  const declared = opened.adopt(await Declared.open({ config, data, clock, random, log }), (it) => it.close());
  const cluster = clusterOf(declared);
  const own = await ownCertificate(data, ['localhost', '127.0.0.1', hostname], clock);
  const healthHttp = { name: 'metrics', setting: '--metrics', ...settings.metrics };
  const size = () => clusterOf(declared).spec.queue.reserve;
  const disk = opened.adopt(await watchDisk({ data, database, clock, log, size }), (it) => it.close());
  const around = { cluster, config, hostname, clock, random, log };
  const shared = opened.adopt(await SharedLimits.open(around), (it) => it?.close());
  let takesMail = false;
  const parts = () => [
    { part: 'resources', ready: true },
    { part: 'listeners', ready: takesMail },
    diskPart(disk.state),
    ...(shared ? [shared.part] : []),
  ];
  // Opened early and closed late, so that whoever asks meanwhile hears 503 and sees the metrics.
  const health = opened.adopt(await openHttp({ ...healthHttp, routes: healthRoutes(parts) }), (it) => it.close());
  watchProcess();
  const received = await openReceiver(surroundings, declared, own, opened);

  const tracer = opened.adopt(await openTracer(surroundings), (it) => it?.close());
  const unreadable = (thrown: unknown): void =>
    log.error('a queued message was set aside', { reason: reasonOf(thrown) });
  const unnoted = (thrown: unknown): void =>
    log.warn('cannot note which messages are in hand', { reason: reasonOf(thrown) });
  const kept = {
    database,
    inHand: openInHand(data, unnoted),
    clock,
    recordEvent,
    unreadable,
    manyLanes: collectSooner,
  };
  const queue = opened.adopt(await SqliteQueue.open(kept), (it) => it.close());
  const ledger = opened.adopt(await SqliteLedger.open({ database, clock, queued: QUEUED_IDS }), (it) => it.close());
  watchGauge('queueDepth', () => depthOf(queue));
  watchGauge('queueOldestDue', () => Math.max(0, clock.now() - queue.oldestDue) / 1000);
  watchGauge('leasedBytes', () => queue.leasedBytes);
  const named = cluster.spec.dns.resolvers.map(parseServer);
  const servers = named.length > 0 ? named : await machineServers();
  const stub = opened.adopt(openStub({ clock, random, servers }), (it) => it.close());
  const common = {
    queue,
    resources: () => declared.resources(),
    keyring: () => declared.keyring(),
    clock,
    random,
    log,
    hostname,
    tell: tellEvent(log),
    suppressions: ledger.suppressions,
    tracer,
    limits: shared?.limits,
    quotas: shared?.quotas,
  };
  tellCrash(queue.afterCrash, common);
  const resolver = resolverOn(stub.lookUp);
  const { memory, orders } = ledger;
  const worker = opened.adopt(await MailWorker.start({ ...common, resolver, ledger, memory, orders }), (it) =>
    it.stop(DRAIN_DELIVERY),
  );
  const { allowPrivate } = cluster.spec.dns;
  const asking = { clock, random, lookUp: stub.lookUp, allowPrivate };
  const authorities = opened.adopt(openDomainAuthorities(asking), (it) => it.close());
  const domains = opened.adopt(await Domains.open({ ...common, database, resolver, authorities }), (it) => it.close());

  declared.onChange(() => worker.replan());
  declared.onChange(() => domains.declare());
  void database.broken.then((fault) => failed(fault));

  const adminHttp = { name: 'admin', setting: '--admin', ...settings.admin, token: await adminToken(data, random) };
  const routes = withDocument([
    ...adminRoutes({ ledger, queue }),
    ...insightRoutes({
      view: (asked) => worker.insight.view(asked),
      explain: (asked) => worker.insight.explain(asked),
      counts: countsSoFar,
      now: () => clock.now(),
      sites: () => worker.sites(),
      suspensions: () => worker.operations.suspensions(),
      restraints: () => worker.restraints(),
    }),
    ...operationRoutes({ clock, operations: worker.operations, orders }),
    ...suppressionRoutes({
      clock,
      suppressions: ledger.suppressions,
      orders,
      isTenant: (name) => declared.resources().credentials.some((it) => it.metadata.namespace === name),
      recorded: (audit) => log.info('operation', { audit }),
    }),
    ...returnedRoutes(ledger),
    ...domainRoutes((name, now) => domains.named(name, now)),
  ]);
  const admin = opened.adopt(await openHttp({ ...adminHttp, routes }), (it) => it.close());
  await publishAdminUrl(data, admin.url);
  const certificate = (listener: Parameters<typeof certificateOf>[0]) => certificateOf(listener, config, own);
  const trace = (id: string) => ledger.trace(id);
  const hasSpace = (): boolean => !disk.state.isLow;
  const ingress = opened.adopt(
    await startIngress({ ...common, certificate, trace, ledger, hasSpace, ...ofDomains(domains) }),
    (it) => it.close(),
  );
  takesMail = true;
  const hint = await publishFirstStep(declared, data, own);
  yieldToEventLoop(SIGNING_YIELDS);
  log.info('ready', { config, data });
  return {
    metricsUrl: health.url,
    adminUrl: admin.url,
    listeners: ingress.listeners.map((it) => `${it.name} ${it.host}:${it.port}`),
    hint,
    apiUrl: apiUrlOf(declared.resources()),
    received,
    stop: async () => {
      takesMail = false;
      // Together: neither waits for the other's peers, and both may be watched until the last is done.
      await Promise.all([ingress.close(), worker.stop(DRAIN_DELIVERY)]);
      await opened.disposeAsync();
    },
  };
}

/** Only where it is asked for is anything of it loaded. */
async function openTracer({
  settings: { tracing: sampling },
  log,
}: StandaloneSurroundings): Promise<Tracer | undefined> {
  if (!sampling) return undefined;
  const { openOtlp } = await import('#lib/trace/otlp.ts');
  return openOtlp({ clock, log, sampling });
}

/** Whoever is paged hears first that it died, and what was in hand. */
function tellCrash({ inHand, apart, setAside }: AfterCrash, { log, tell }: Pick<WorkerOptions, 'log' | 'tell'>): void {
  if (inHand > 0) log.warn('the last process died', { inHand, apart, setAside: setAside.length });
  for (const event of setAside) tell(event);
}

function clusterOf(declared: Declared): MTACluster {
  const [cluster] = declared.resources().clusters;
  if (!cluster) throw new Error('a folder of resources has exactly one MTACluster');
  if (cluster.spec.queue.nats) {
    throw new Fault(
      'queue-unsupported',
      'this release has the embedded queue only: remove spec.queue.nats from the MTACluster',
    );
  }
  return cluster;
}

async function openReceiver(
  { settings, show }: StandaloneSurroundings,
  declared: Declared,
  own: LoadedCertificate,
  opened: AsyncDisposableStack,
): Promise<string | undefined> {
  const where = clusterOf(declared).metadata.annotations[RECEIVER];
  if (where === undefined) return undefined;
  const folder = join(settings.data, 'received');
  const options = {
    address: parseAddress(`annotation ${RECEIVER}`, where),
    hostname: settings.hostname,
    folder,
    keyring: () => declared.keyring(),
    clock,
    random,
    secureContext: () => own.context,
    show,
  };
  opened.adopt(await startReceiver(options), (it) => it.close(seconds(1)));
  return folder;
}

/** Leaves in the data folder how a first message is sent, for `postfleet send`. */
async function publishFirstStep(
  declared: Declared,
  data: string,
  own: LoadedCertificate,
): Promise<SubmissionHint | undefined> {
  const resources = declared.resources();
  const endpoint = endpointOf(resources);
  const credential = resources.credentials.find((it) => it.spec.secretRef === undefined);
  const domain = resources.domains.find((it) => it.metadata.namespace === credential?.metadata.namespace);
  if (!endpoint || !credential || !domain) return undefined;
  const username = usernameOf(credential);
  const hint = {
    host: endpoint.host,
    port: endpoint.port,
    username,
    passwordFile: join(data, 'secrets', username, 'password'),
    certificateFile: own.certificateFile,
    from: `hello@${domain.spec.domain}`,
  };
  await publishHint(data, hint);
  return hint;
}

const ofDomains = (domains: Domains) => ({
  proof: (domain: SendingDomain) => domains.proof(domain),
  domainStatus: (resource: string) => domains.status(resource),
});

const depthOf = (queue: Queue): number => queue.depth().reduce((sum, it) => sum + it.depth, 0);
