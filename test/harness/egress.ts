/**
 * A real `postfleet egress` on a folder of resources.
 */
import { freePorts } from './ports.ts';
import { LAUNCHER } from './postfleet.ts';
import type { Exit, Program } from './program.ts';
import type { Stage } from './stage.ts';

export interface EgressOptions {
  /** A free one unless given. */
  readonly port?: number;
  /** Where receivers may be, beside what is public. */
  readonly allowPrivate: string;
  readonly allowPort: number;
  /** Further flags, as on its command line. */
  readonly flags?: readonly string[];
}

export class EgressProxy {
  readonly program: Program;
  readonly port: number;
  readonly metricsUrl: string;

  private constructor(program: Program, port: number, metricsUrl: string) {
    this.program = program;
    this.port = port;
    this.metricsUrl = metricsUrl;
  }

  /** Resolves when it takes connections. */
  static async start(stage: Stage, config: string, options: EgressOptions): Promise<EgressProxy> {
    const [free = 0, metrics = 0] = await freePorts(2);
    const { port = free, allowPrivate, allowPort, flags = [] } = options;
    const where = ['--config', config, '--listen', `127.0.0.1:${port}`, '--metrics', `127.0.0.1:${metrics}`];
    const rules = ['--allow-port', String(allowPort), '--allow-private', allowPrivate];
    const program = stage.start('egress', LAUNCHER, ['egress', ...where, ...rules, ...flags]);
    await program.says(/postfleet egress is ready/);
    return new EgressProxy(program, port, `http://127.0.0.1:${metrics}`);
  }

  kill(): Promise<Exit> {
    return this.program.kill();
  }

  stop(): Promise<Exit> {
    return this.program.stop();
  }

  /** Connections by how they ended: `{ connected: 3 }`. */
  async outcomes(): Promise<Readonly<Record<string, number>>> {
    const page = await (await fetch(`${this.metricsUrl}/metrics`)).text();
    const lines = page.matchAll(/^postfleet_egress_requests_total\{outcome="([^"]+)"\} (\d+)$/gm);
    return Object.fromEntries([...lines].map(([, outcome = '', count]) => [outcome, Number(count)]));
  }
}
