/**
 * A whole cluster on loopback: nats-servers, Redis, processes that take mail and processes that send it, on one keyring.
 *
 * Each of those that take mail has the listeners of the configuration on ports of its own. Any process can be stopped or killed,
 * and started again on what it had.
 */
import { type ClusterConfig, writeConfig } from './cluster-config.ts';
import { Nats, type NatsOptions } from './nats.ts';
import { freePorts } from './ports.ts';
import { LAUNCHER } from './postfleet.ts';
import type { Program } from './program.ts';
import { RedisServer } from './redis.ts';
import type { Stage } from './stage.ts';
import { SELDOM_MS, until } from './until.ts';

export type RoleName = 'ingress' | 'worker';

export interface ClusterOptions extends ClusterConfig {
  /** How the nats-servers keep what they have. */
  readonly disk?: Pick<NatsOptions, 'folder' | 'sync'>;
}

/** A process of the cluster. */
export interface Role {
  readonly role: RoleName;
  readonly program: Program;
  readonly args: readonly string[];
  /** Listeners of the configuration, by name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly metricsUrl: string;
  readonly adminUrl: string;
  /** Its data folder, by which commands find it. */
  readonly data: string;
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
    const { servers, secured, disk } = options;
    const [nats, redis] = await Promise.all([
      Nats.start(stage, { servers, lines: secured?.lines ?? [], ...disk }),
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

  /** Starts one that has ended, on the ports and the data that it had; resolves when it is ready. */
  async startAgain(ended: Role): Promise<Role> {
    const program = this.#stage.start(ended.role, LAUNCHER, ended.args);
    const again = { ...ended, program };
    const among = ended.role === 'ingress' ? this.ingresses : this.workers;
    among.splice(among.indexOf(ended), 1, again);
    await program.says(/is ready/, 60_000);
    return again;
  }

  /** Resolves when the workers that live hold every shard. */
  async allShardsHeld(limit = 60_000): Promise<void> {
    const areHeld = async (): Promise<boolean> => (await this.shardsHeld()) === this.#shards;
    await until('every shard is held', areHeld, limit, SELDOM_MS);
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
    const { sync = 'always' } = this.#options.disk ?? {};
    const unsynced = sync === 'always' ? [] : ['--allow-unsynced'];
    const args = [role, ...folders, ...addresses, ...unsynced, '--nats-monitor', ...this.nats.monitors];
    const program = this.#stage.start(role, LAUNCHER, args);
    await program.says(/is ready/, 60_000);
    return {
      role,
      program,
      args,
      ports,
      metricsUrl: `http://127.0.0.1:${metrics}`,
      adminUrl: `http://127.0.0.1:${admin}`,
      data,
    };
  }

  #configFor(ingress: number, nats: readonly string[] = this.nats.urls) {
    const path = this.#stage.folder('config');
    const ports = writeConfig(this.#options, { path, ingress, nats, redis: this.redis.url });
    return { path, ports };
  }
}

/** The sum of a metric over all its labels. */
export async function metricOf({ metricsUrl }: Role, name: string): Promise<number> {
  const page = await (await fetch(`${metricsUrl}/metrics`)).text();
  const lines = page.split('\n').filter((it) => it.startsWith(`${name} `) || it.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
