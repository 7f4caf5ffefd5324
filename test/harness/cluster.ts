/**
 * A whole cluster on loopback: nats-servers, Redis, processes that take mail and processes that send it, on one keyring.
 *
 * Each of those that take mail has the listeners of the configuration on ports of its own. Any process can be stopped or killed.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { Nats } from './nats.ts';
import type { Secured } from './nats-accounts.ts';
import { freePorts } from './ports.ts';
import { LAUNCHER } from './postfleet.ts';
import type { Program } from './program.ts';
import { RedisServer } from './redis.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

export type RoleName = 'ingress' | 'worker';

export interface ClusterOptions {
  /** A folder of resources for one machine. */
  readonly config: string;
  /** Of the nats-servers. */
  readonly servers: number;
  readonly ingresses: number;
  readonly workers: number;
  /** Which port of the n-th ingress stands for a port of the configuration. */
  readonly portOf: (port: number, ingress: number) => number;
  /** Further fields of the `MTACluster`'s spec. */
  readonly spec?: object;
  /** The port on loopback that policies lead to, in place of the configuration's. */
  readonly routedTo?: number;
  /** The nats-servers want to know who we are, over TLS. */
  readonly secured?: Secured;
}

/** A process of the cluster. */
export interface Role {
  readonly role: RoleName;
  readonly program: Program;
  /** Listeners of the configuration, by name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly metricsUrl: string;
  readonly adminUrl: string;
  /** Its data folder, by which commands find it. */
  readonly data: string;
}

interface Listener {
  readonly name: string;
  readonly port: number;
}

interface Document {
  readonly kind: string;
  readonly spec: { readonly ingress?: { readonly listeners?: readonly Listener[] } };
}

export class Cluster {
  readonly nats: Nats;
  readonly redis: RedisServer;
  /** Keys, and the secrets of senders in `secrets`. */
  readonly keyring: string;
  readonly ingresses: Role[] = [];
  readonly workers: Role[] = [];
  readonly #stage: Stage;
  readonly #options: ClusterOptions;

  private constructor(stage: Stage, options: ClusterOptions, nats: Nats, redis: RedisServer) {
    this.#stage = stage;
    this.#options = options;
    this.nats = nats;
    this.redis = redis;
    this.keyring = stage.folder('keyring');
  }

  /** Resolves when mail is taken and every shard is held. */
  static async start(stage: Stage, options: ClusterOptions): Promise<Cluster> {
    const [nats, redis] = await Promise.all([
      Nats.start(stage, { servers: options.servers, lines: options.secured?.lines ?? [] }),
      RedisServer.start(stage),
    ]);
    const cluster = new Cluster(stage, options, nats, redis);
    await cluster.#provision();
    const workers = Array.from({ length: options.workers }, () => cluster.addWorker());
    const ingresses = Array.from({ length: options.ingresses }, (_, at) => cluster.#startIngress(at));
    await Promise.all(workers);
    cluster.ingresses.push(...(await Promise.all(ingresses)));
    await cluster.allShardsHeld();
    return cluster;
  }

  /** Starts one more, on a data folder of its own; `servers`: where it speaks to NATS, if not with the servers themselves. */
  async addWorker(servers: readonly string[] = this.nats.urls): Promise<Role> {
    const worker = await this.#start('worker', this.#configFor(0, servers).path, {});
    this.workers.push(worker);
    return worker;
  }

  /** Resolves when the workers that live hold every shard. */
  async allShardsHeld(limit = 60_000): Promise<void> {
    await until('every shard is held', async () => (await this.shardsHeld()) === this.#shards, limit);
  }

  /** By some of the workers; without a word by all that live. */
  async shardsHeld(by: readonly Role[] = this.#living): Promise<number> {
    const held = await Promise.all(by.map((it) => metricOf(it, 'postfleet_shards_held')));
    return held.reduce((sum, it) => sum + it, 0);
  }

  /** Recipients that the workers that live have delivered to. */
  async delivered(): Promise<number> {
    const counts = await Promise.all(this.#living.map((it) => metricOf(it, 'postfleet_attempts_total')));
    return counts.reduce((sum, it) => sum + it, 0);
  }

  get roles(): Role[] {
    return [...this.ingresses, ...this.workers];
  }

  /** Those that take mail first; then what they send with. */
  async stop(): Promise<void> {
    await Promise.all(this.ingresses.map((it) => it.program.stop()));
    await Promise.all(this.workers.map((it) => it.program.stop()));
  }

  get #living(): Role[] {
    return this.workers.filter(({ program }) => !program.exit);
  }

  get #shards(): number {
    const { shards = 64 } = (this.#options.spec ?? {}) as { readonly shards?: number };
    return shards;
  }

  #startIngress(number: number): Promise<Role> {
    const { path, ports } = this.#configFor(number);
    return this.#start('ingress', path, ports);
  }

  async #provision(): Promise<void> {
    const args = ['provision', '--config', this.#configFor(0).path, '--keyring', this.keyring];
    const program = this.#stage.start('provision', LAUNCHER, args);
    const { code } = await program.ended;
    if (code !== 0) throw new Error(`keys cannot be made: ${program.stderr}`);
  }

  async #start(role: RoleName, config: string, ports: Role['ports']): Promise<Role> {
    const [metrics = 0, admin = 0] = await freePorts(2);
    const data = this.#stage.folder(`${role}-data`);
    const folders = ['--config', config, '--data', data, '--keyring', this.keyring];
    const addresses = ['--metrics', `127.0.0.1:${metrics}`, '--admin', `127.0.0.1:${admin}`, '--hostname', 'mta.test'];
    const args = [role, ...folders, ...addresses, '--nats-monitor', ...this.nats.monitors];
    const program = this.#stage.start(role, LAUNCHER, args);
    await program.says(/is ready/, 60_000);
    return {
      role,
      program,
      ports,
      metricsUrl: `http://127.0.0.1:${metrics}`,
      adminUrl: `http://127.0.0.1:${admin}`,
      data,
    };
  }

  /** The configuration with what the cluster has, and the listeners of one ingress. */
  #configFor(
    ingress: number,
    servers: readonly string[] = this.nats.urls,
  ): { readonly path: string; readonly ports: Role['ports'] } {
    const path = this.#stage.folder('config');
    let ports: Role['ports'] | undefined;
    cpSync(this.#options.config, path, { recursive: true });
    for (const file of readdirSync(path).filter((it) => it.endsWith('.yaml'))) {
      const { routedTo } = this.#options;
      const text = readFileSync(join(path, file), 'utf8');
      if (routedTo !== undefined) writeFileSync(join(path, file), text.replaceAll(/\b2626\b/g, String(routedTo)));
      const document = parse(text) as Document;
      if (document.kind !== 'MTACluster') continue;
      const changed = this.#clusterOf(document, ingress, servers);
      writeFileSync(join(path, file), stringify(changed));
      ports = Object.fromEntries(changed.spec.ingress.listeners.map((it) => [it.name, it.port]));
    }
    this.#writeSecrets(path);
    if (!ports) throw new Error(`${this.#options.config} has no MTACluster in a file of its own`);
    return { path, ports };
  }

  /** As a person would put them. */
  #writeSecrets(config: string): void {
    const { secured } = this.#options;
    if (!secured) return;
    const folder = join(config, 'secrets', 'nats');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'user.creds'), secured.credentials);
    writeFileSync(join(folder, 'ca.crt'), secured.ca);
  }

  #clusterOf(document: Document, ingress: number, urls: readonly string[]) {
    const { portOf, ingresses, workers, servers, spec, secured } = this.#options;
    const refs = secured && {
      credentialsRef: { name: 'nats', key: 'user.creds' },
      caRef: { name: 'nats', key: 'ca.crt' },
    };
    const scheme = secured ? 'tls' : 'nats';
    const { ingress: before, ...others } = document.spec;
    const listeners = (before?.listeners ?? []).map((it) => Object.assign({}, it, { port: portOf(it.port, ingress) }));
    const nats = { servers: urls.map((it) => `${scheme}://${it}`), replicas: servers > 1 ? 3 : 1, ...refs };
    const ours = {
      ingress: { ...before, listeners, replicas: ingresses },
      workers: { replicas: workers },
      queue: { nats },
      limits: { redis: { url: this.redis.url } },
    };
    return { ...document, spec: { ...others, ...ours, ...spec } };
  }
}

/** The sum of a metric over all its labels. */
export async function metricOf({ metricsUrl }: Role, name: string): Promise<number> {
  const page = await (await fetch(`${metricsUrl}/metrics`)).text();
  const lines = page.split('\n').filter((it) => it.startsWith(`${name} `) || it.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
