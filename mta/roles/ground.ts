/**
 * What every role stands on: its data folder, what is declared, its certificate, limits that are shared, names in DNS, and
 * whoever watches it.
 *
 * Opened in an order in which a start that fails can be watched, and closed in the reverse by who holds `opened`.
 */
import type { MTACluster } from '#crds/kinds/mta-cluster.ts';
import type { Resources } from '#crds/source/resources.ts';
import { type Resolver, resolverOn } from '#lib/dns/resolver.ts';
import { machineServers, parseServer } from '#lib/dns/server.ts';
import { openStub } from '#lib/dns/stub.ts';
import { openDomainAuthorities } from '#lib/domain/authorities.ts';
import type { Authorities } from '#lib/domain/monitor.ts';
import { healthRoutes, type Readiness } from '#lib/http/health.ts';
import { openHttp } from '#lib/http/server.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import { keyringWord } from '#lib/keyring/report.ts';
import { type Clock, systemClock as clock } from '#lib/run/clock.ts';
import type { Log } from '#lib/run/log.ts';
import { watchProcess } from '#lib/run/metrics.ts';
import { type Random, systemRandom as random } from '#lib/run/random.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Sampling, Tracer } from '#lib/trace/tracer.ts';
import { type LoadedCertificate, ownCertificate } from './certificate.ts';
import { openData } from './data-folder.ts';
import { Declared } from '../declared/declared.ts';
import { openKube, type TellOperator, tellingOperator } from './kubernetes.ts';
import type { MailEvent } from '../mail/event.ts';
import type { RoleSettings } from './settings.ts';
import { SharedLimits } from './shared-limits.ts';
import { tellEvent } from './tell-event.ts';

/** How it is with one part of a role, for readiness. */
export type Part = () => ReturnType<Readiness>[number];

export interface GroundOptions {
  readonly settings: RoleSettings;
  readonly log: Log;
  /** Parts of the role; more may be added while it starts. */
  readonly parts: readonly Part[];
}

/** Roles hand it on whole: each part takes what it asks for. */
export interface Ground {
  /** Folder in which `secrets/<name>/<key>` is what resources refer to. */
  readonly config: string;
  readonly data: string;
  readonly hostname: string;
  /** Of this process, the same after a restart. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly database: Database;
  readonly declared: Declared;
  /** Whether an operator makes keys, asks DNS and says how domains stand. */
  readonly isOperated: boolean;
  /** As it is declared now. */
  readonly cluster: () => MTACluster;
  readonly resources: () => Resources;
  readonly keyring: () => Keyring;
  /** For listeners that name no certificate. */
  readonly own: LoadedCertificate;
  readonly limits: SharedLimits['limits'] | undefined;
  readonly quotas: SharedLimits['quotas'] | undefined;
  readonly tracer: Tracer | undefined;
  readonly resolver: Resolver;
  readonly authorities: Authorities;
  readonly tell: (event: MailEvent) => void;
  readonly tellOperator: TellOperator;
  /** Where metrics and health are. */
  readonly metricsUrl: string;
}

export async function openGround(
  { settings, log, parts }: GroundOptions,
  opened: AsyncDisposableStack,
): Promise<Ground> {
  const { config, data, keyring, hostname } = settings;
  const database = opened.adopt(await openData(data, settings.fresh), (it) => it.close());
  const kubernetes = await openKube(settings.kubernetes, opened);
  const world = { config, data, keyring, kubernetes, clock, random, log };
  const declared = opened.adopt(await Declared.open(world), (it) => it.close());
  const cluster = (): MTACluster => clusterOf(declared);
  const own = await ownCertificate(data, ['localhost', '127.0.0.1', hostname], clock);
  // Several may be on one machine, each with a folder of its own.
  const name = keyring === undefined ? hostname : `${hostname} ${data}`;
  const around = { cluster: cluster(), config, hostname: name, clock, random, log };
  const shared = opened.adopt(await SharedLimits.open(around), (it) => it?.close());
  const readiness: Readiness = () => [
    { part: 'resources', ready: true },
    ...parts.map((it) => it()),
    ...(shared ? [shared.part] : []),
  ];
  // Opened early and closed late, so that whoever asks meanwhile hears 503 and sees the metrics.
  const healthHttp = { name: 'metrics', setting: '--metrics', ...settings.metrics, routes: healthRoutes(readiness) };
  const health = opened.adopt(await openHttp(healthHttp), (it) => it.close());
  watchProcess();
  const asPod = { kube: kubernetes?.kube, pod: settings.kubernetes?.pod, clock, log };
  const tellOperator = tellingOperator(asPod, opened);
  tellOperator(keyringWord(declared.keyring()));
  const tracer = opened.adopt(await openTracer(settings.tracing, log), (it) => it?.close());
  return {
    config,
    data,
    hostname,
    name,
    clock,
    random,
    log,
    database,
    declared,
    isOperated: kubernetes !== undefined,
    cluster,
    resources: () => declared.resources(),
    keyring: () => declared.keyring(),
    own,
    limits: shared?.limits,
    quotas: shared?.quotas,
    tracer,
    ...(await openNames(cluster().spec.dns, opened)),
    tell: tellEvent(log),
    tellOperator,
    metricsUrl: health.url,
  };
}

function clusterOf(declared: Declared): MTACluster {
  const [cluster] = declared.resources().clusters;
  if (!cluster) throw new Error('a source of resources has exactly one MTACluster');
  return cluster;
}

/** Only where it is asked for is anything of it loaded. */
async function openTracer(sampling: Sampling | undefined, log: Log): Promise<Tracer | undefined> {
  if (!sampling) return undefined;
  const { openOtlp } = await import('#lib/trace/otlp.ts');
  return openOtlp({ clock, log, sampling });
}

async function openNames({ resolvers, allowPrivate }: MTACluster['spec']['dns'], opened: AsyncDisposableStack) {
  const named = resolvers.map(parseServer);
  const servers = named.length > 0 ? named : await machineServers();
  const stub = opened.adopt(openStub({ clock, random, servers }), (it) => it.close());
  const asking = { clock, random, lookUp: stub.lookUp, allowPrivate };
  const authorities = opened.adopt(openDomainAuthorities(asking), (it) => it.close());
  return { resolver: resolverOn(stub.lookUp), authorities };
}
