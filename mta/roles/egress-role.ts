/**
 * Composition root of the egress proxy, on a machine that holds IP addresses: workers elsewhere connect through it to receivers.
 *
 * What it lets through is declared (`egress-declared.ts`). As the pod of a node it tells which addresses the node holds. A change of
 * the resources, the logins or the certificate holds for the next connection; while it is bad the last good one stays in use.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Doors } from '#lib/address/doors.ts';
import { healthRoutes } from '#lib/http/health.ts';
import { openHttp } from '#lib/http/server.ts';
import { type Clock, type Duration, minutes, seconds } from '#lib/run/clock.ts';
import { codeOf, Fault, reasonOf } from '#lib/run/fault.ts';
import type { Kube } from '#lib/kube/kube.ts';
import type { Log } from '#lib/run/log.ts';
import { metrics, watchGauge } from '#lib/run/metrics.ts';
import { systemRandom } from '#lib/run/random.ts';
import { type Declares, declaredInFolder, declaredInKubernetes } from './egress-declared.ts';
import { tellHeld } from './egress-node.ts';
import type { EgressSettings } from './egress-settings.ts';
import { Logins } from '../egress/logins.ts';
import type { Outcome } from '../egress/outcome.ts';
import { EgressServer } from '../egress/server.ts';
import { type EgressObserver, egressTimes } from '../egress/session.ts';
import { Refreshed } from '../declared/refreshed.ts';

export interface EgressOptions {
  readonly settings: EgressSettings;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Egress {
  readonly metricsUrl: string;
  readonly port: number;
  /** Takes nothing new, lets connections end, closes everything. */
  stop(): Promise<void>;
}

/** The longest wait of a sender for the reply to a final dot, and a little. */
const DRAIN: Duration = minutes(11);
/** How often logins and certificate are looked at: a Secret that changes is a new file. */
const LOOK_EVERY: Duration = seconds(10);

/** Faults: `config-invalid`, `logins-invalid`, `certificate-invalid`, `address-in-use`, `listen-failed`. */
export async function startEgress(options: EgressOptions): Promise<Egress> {
  const opened = new AsyncDisposableStack();
  try {
    return await build(options, opened);
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

async function build({ settings, clock, log }: EgressOptions, opened: AsyncDisposableStack): Promise<Egress> {
  const { listen, ports, allowPrivate, auth, tls } = settings;
  const { declared, kube } = await openDeclared({ settings, clock, log }, opened);
  const refreshing = { clock, every: LOOK_EVERY, troubled: (thrown: unknown) => tellUnread(thrown, log) };
  const logins = auth === undefined ? undefined : await Refreshed.open(() => readLogins(auth), refreshing);
  if (logins) opened.defer(() => logins.close());
  const certificate = tls === undefined ? undefined : await Refreshed.open(() => readCertificate(tls), refreshing);
  if (certificate) opened.defer(() => certificate.close());
  const sources = declared.addresses;
  let takesConnections = false;
  const parts = () => [partOf(declared), { part: 'listener', ready: takesConnections }];
  const health = { name: 'metrics', setting: '--metrics', ...settings.metrics, routes: healthRoutes(parts) };
  const http = opened.adopt(await openHttp(health), (it) => it.close());
  const knows = logins && ((login: Parameters<Logins['knows']>[0]) => logins.current.knows(login));
  const server = await EgressServer.listen({
    ...listen,
    clock,
    times: egressTimes,
    doors: new Doors(() => ({
      connections: settings.connections,
      connectionsPerAddress: settings.connectionsPerClient,
    })),
    rules: () => ({ sources, ports, allowPrivate, knows }),
    secureContext: certificate && (() => certificate.current),
    observer: observerOf(log),
    turnedAway: (because) => metrics.egressTurnedAway.inc({ because }),
  });
  watchGauge('egressConnections', () => server.connections);
  watchGauge('egressSources', () => sources().size);
  if (kube && settings.kubernetes) {
    const { pod } = settings.kubernetes;
    tellHeld({ kube, pod, declared: sources, port: server.port, isSecure: tls !== undefined, clock, log }, opened);
  }
  takesConnections = true;
  log.info('ready', { config: settings.config ?? 'kubernetes', port: server.port, sources: sources().size });
  const stop = async (): Promise<void> => {
    takesConnections = false;
    await server.close(DRAIN);
    await opened.disposeAsync();
  };
  return { metricsUrl: http.url, port: server.port, stop };
}

interface Opened {
  readonly declared: Declares;
  readonly kube?: Kube;
}

/** Nothing of Kubernetes is loaded where resources are in a folder. */
async function openDeclared(
  { settings: { config, kubernetes }, clock, log }: EgressOptions,
  opened: AsyncDisposableStack,
): Promise<Opened> {
  if (config !== undefined) return { declared: await declaredInFolder(config, clock, log, opened) };
  const { kubeAccess } = await import('#lib/kube/access.ts');
  const { ApiServer } = await import('#lib/kube/api-server.ts');
  const kube = opened.adopt(new ApiServer(await kubeAccess(kubernetes?.api), clock, systemRandom), (it) => it.close());
  const where = { kube, namespaces: kubernetes?.namespaces, clock, random: systemRandom };
  return { kube, declared: declaredInKubernetes(where, opened) };
}

function partOf({ trouble }: Declares) {
  const reason = trouble();
  return { part: 'resources', ready: reason === undefined, ...(reason !== undefined && { reason }) };
}

async function readLogins(file: string): Promise<Logins> {
  try {
    return Logins.from(await readFile(file, 'utf8'), `--auth ${file}`);
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('logins-invalid', `--auth ${file}: cannot be read (${codeOf(cause)}).`, { cause });
  }
}

async function readCertificate(folder: string): Promise<SecureContext> {
  try {
    const [cert, key] = await Promise.all(['tls.crt', 'tls.key'].map((it) => readFile(join(folder, it))));
    return createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
  } catch (cause) {
    const what = `--tls ${folder} must hold a certificate in tls.crt and its key in tls.key`;
    throw new Fault('certificate-invalid', what, { cause });
  }
}

const tellUnread = (thrown: unknown, log: Log): void =>
  log.error('logins or certificate cannot be read; the last good ones stay in use', { reason: reasonOf(thrown) });

/** What peers do is counted; what somebody here has to mend is logged too. */
const QUIET: ReadonlySet<Outcome> = new Set<Outcome>(['connected', 'unreachable', 'gone']);

const observerOf = (log: Log): EgressObserver => ({
  ended(outcome, client, asked) {
    metrics.egressRequests.inc({ outcome });
    if (!QUIET.has(outcome)) log.warn('a connection was refused', { outcome, client, ...(asked && { asked }) });
  },
  relayed(toReceiver, fromReceiver) {
    metrics.egressBytes.inc({ direction: 'to-receiver' }, toReceiver);
    metrics.egressBytes.inc({ direction: 'from-receiver' }, fromReceiver);
  },
});
