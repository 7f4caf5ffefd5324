/**
 * Real nats-servers on loopback: one, or a cluster, each with a folder of its own; every write is synced before it is
 * answered. A server that was killed is started again on what it had.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NATS_SERVER } from '../setup/tools.ts';
import { freePorts } from './ports.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { SELDOM_MS, until } from './until.ts';

interface Place {
  readonly name: string;
  readonly address: string;
  readonly folder: string;
  readonly store: string;
  readonly port: number;
  readonly monitor: number;
  readonly cluster: number;
}

export interface NatsOptions {
  /** Servers; more than one are a cluster. */
  readonly servers?: number;
  /** `always`: an append is synced before it is answered. */
  readonly sync?: string;
  /** Further lines of each one's configuration. */
  readonly lines?: readonly string[];
  /** One server on an address of its own has the ports that are usual, so that its figures are where everybody looks for them. */
  readonly address?: string;
  /** Where they keep their streams; a folder of the stage's otherwise. */
  readonly folder?: string;
}

/** Of nats-server's page `/jsz`, what is read here. */
interface Accounts {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly cluster?: { readonly leader?: string } }[];
  }[];
}

const PATIENCE_MS = 2000;
/** Of clients, of figures, of a cluster. */
const USUAL = [4222, 8222, 6222];

export class Nats {
  readonly #stage: Stage;
  readonly #places: readonly Place[];
  readonly #sync: string;
  readonly #lines: readonly string[];
  readonly #programs = new Map<string, Program>();

  private constructor(stage: Stage, places: readonly Place[], sync: string, lines: readonly string[]) {
    this.#stage = stage;
    this.#places = places;
    this.#sync = sync;
    this.#lines = lines;
  }

  /** Resolves when they serve streams. */
  static async start(stage: Stage, options: NatsOptions = {}): Promise<Nats> {
    const { servers = 1, sync = 'always', address, folder, lines = [] } = options;
    const ports = address === undefined ? await freePorts(servers * 3) : USUAL;
    const places = Array.from({ length: servers }, (_, at) => {
      const [port = 0, monitor = 0, cluster = 0] = ports.slice(at * 3);
      const name = `n${at + 1}`;
      const own = stage.folder(`nats-${name}`);
      return {
        name,
        address: address ?? '127.0.0.1',
        folder: own,
        store: join(folder ?? own, `${name}-store`),
        port,
        monitor,
        cluster,
      };
    });
    const nats = new Nats(stage, places, sync, lines);
    for (const place of places) nats.#run(place);
    await nats.ready();
    return nats;
  }

  get urls(): string[] {
    return this.#places.map((it) => `${it.address}:${it.port}`);
  }

  /** Where each server's own figures are. */
  get monitors(): string[] {
    return this.#places.map((it) => `http://${it.address}:${it.monitor}`);
  }

  /** Where each runs. */
  get processes(): { readonly pid: number; readonly port: number; readonly monitor: number }[] {
    return this.#places.map(({ name, port, monitor }) => ({ pid: this.#programs.get(name)?.pid ?? 0, port, monitor }));
  }

  /** Which of them has this name. */
  placeOf(name: string): number {
    return this.#places.findIndex((it) => it.name === name);
  }

  /** SIGKILL to one of them. */
  async kill(at: number): Promise<void> {
    await this.#programs.get(this.#placeAt(at).name)?.kill();
  }

  /** SIGTERM to one of them; resolves when it has ended. */
  async stop(at: number): Promise<void> {
    await this.#programs.get(this.#placeAt(at).name)?.stop();
  }

  /** One holds its connections and answers nothing. */
  freeze(at: number): void {
    this.#programs.get(this.#placeAt(at).name)?.signal('SIGSTOP');
  }

  thaw(at: number): void {
    this.#programs.get(this.#placeAt(at).name)?.signal('SIGCONT');
  }

  /** The one that leads most streams, as they see it; the first of those that lead as many. */
  async leader(): Promise<number> {
    const led = await Promise.all(this.#places.map((it) => ledBy(it)));
    return led.indexOf(Math.max(...led));
  }

  /** Starts one that was killed or stopped. */
  async restart(at: number): Promise<void> {
    this.#run(this.#placeAt(at));
    await this.ready();
  }

  /** Every server that runs is well, and streams can be made. */
  async ready(): Promise<void> {
    for (const { name, address, monitor } of this.#places) {
      if (this.#programs.get(name)?.exit) continue;
      await until(`${name} is well`, () => isWell(address, monitor), 20_000, SELDOM_MS);
    }
  }

  #placeAt(at: number): Place {
    const place = this.#places[at];
    if (!place) throw new Error(`there is no server ${at}`);
    return place;
  }

  #run(place: Place): void {
    const file = join(place.folder, 'nats.conf');
    writeFileSync(file, this.#configOf(place));
    this.#programs.set(place.name, this.#stage.start(`nats-${place.name}`, NATS_SERVER, ['--config', file]));
  }

  #configOf({ name, address, store, port, monitor, cluster }: Place): string {
    const lines = [
      `server_name: ${name}`,
      `listen: "${address}:${port}"`,
      `http: "${address}:${monitor}"`,
      `jetstream { store_dir: "${store}", sync_interval: ${this.#sync}, max_file_store: 20GB, max_memory_store: 4GB }`,
      ...this.#lines,
    ];
    if (this.#places.length > 1) {
      const routes = this.#places.map((it) => `"nats://127.0.0.1:${it.cluster}"`).join(', ');
      lines.push(`cluster { name: test, listen: "127.0.0.1:${cluster}", routes: [${routes}] }`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** How many streams a server leads; none when it does not answer. */
async function ledBy({ name, address, monitor }: Place): Promise<number> {
  const url = `http://${address}:${monitor}/jsz?accounts=true&streams=true`;
  try {
    const page = (await (await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })).json()) as Accounts;
    const streams = page.account_details?.flatMap((it) => it.stream_detail ?? []) ?? [];
    return streams.filter((it) => it.cluster?.leader === name).length;
  } catch {
    return 0;
  }
}

async function isWell(address: string, monitor: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address}:${monitor}/healthz`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
