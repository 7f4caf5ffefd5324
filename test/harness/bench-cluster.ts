/**
 * A cluster on `examples/bench`, on ports of its own, with all mail routed to one sink; and the load it is put under. Judged from
 * outside by mailbench, which has the sink.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Cluster, type ClusterOptions, type Role } from './cluster.ts';
import { Mailbench } from './mailbench.ts';
import { freePorts } from './ports.ts';
import type { Stage } from './stage.ts';

export const BENCH = fileURLToPath(new URL('../../examples/bench', import.meta.url));
/** Of each ingress. */
const LISTENERS = [2525, 2465, 8080];
/** Unless it is said, and fewer than by default: each is held by somebody soon. */
export const SHARDS = 16;
/** More than are handed in before it is enough. */
const PLENTY = 10_000_000;

export interface Sizes extends Pick<ClusterOptions, 'servers' | 'ingresses' | 'workers' | 'disk'> {
  readonly shards?: number;
  /** A folder like `examples/bench`, if not that. */
  readonly config?: string;
  /** Further fields of the `MTACluster`'s spec. */
  readonly spec?: object;
}

export interface SteadyLoad {
  /** Messages a second. */
  readonly rate: number;
  /** Without it until it is enough. */
  readonly messages?: number;
  readonly connections?: number;
  /** How long it looks for what comes twice, after all that is waited for has come. */
  readonly linger?: string;
  /** Which of the ingresses take it: the first alone, or all of them in turn. */
  readonly into?: 'first' | 'all';
}

export class BenchCluster {
  readonly cluster: Cluster;
  /** Where all mail goes. */
  readonly sink: number;
  readonly #stage: Stage;

  private constructor(stage: Stage, cluster: Cluster, sink: number) {
    this.#stage = stage;
    this.cluster = cluster;
    this.sink = sink;
  }

  static async start(stage: Stage, { shards = SHARDS, config = BENCH, spec, ...sizes }: Sizes): Promise<BenchCluster> {
    const [sink = 0, ...listening] = await freePorts(1 + sizes.ingresses * LISTENERS.length);
    const cluster = await Cluster.start(stage, {
      ...sizes,
      config,
      portOf: (port, ingress) => listening[ingress * LISTENERS.length + LISTENERS.indexOf(port)] ?? 0,
      spec: { shards, ...spec },
      routedTo: sink,
    });
    return new BenchCluster(stage, cluster, sink);
  }

  /** The first; one there is. */
  get worker(): Role {
    const [worker] = this.cluster.workers;
    if (!worker) throw new Error('it has no worker');
    return worker;
  }

  /** Where each ingress takes mail. */
  get ports(): number[] {
    return this.cluster.ingresses.map((it) => it.ports['submission'] ?? 0);
  }

  /**
   * Small messages to many domains, over all shards. What was answered within the last second before a fault may be in doubt: so
   * long three servers on one slow disk may take to sync an outcome. A busy machine sends slower than it takes: what has not come
   * within minutes of the last that was taken is lost.
   */
  load({ rate, messages = PLENTY, connections = 10, linger = '3s', into = 'first' }: SteadyLoad): Mailbench {
    const to = into === 'first' ? this.ports.slice(0, 1) : this.ports;
    const mail = ['-size', '2048', '-rate', String(rate), '-domains', '100:d%d.test', '-spread', '200'];
    const flags = [...mail, '-per-conn', '1000', '-settle', '1s', '-wait', '300s', '-linger', linger];
    return Mailbench.start(this.#stage, { to, sink: this.sink, messages, connections, flags });
  }
}

/** What is sent from now on, while nobody can say what becomes of it: a holder lets go of mail for two seconds more. */
export async function noteDoubts(bench: Mailbench): Promise<void> {
  for (let time = 0; time < 4; time += 1) {
    bench.noteKill();
    await pause(800);
  }
}
