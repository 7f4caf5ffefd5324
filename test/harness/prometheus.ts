/**
 * A real Prometheus that reads some pages twice a second, and answers queries about them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from './ports.ts';
import type { Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** Names of jobs, and where their pages are: `host:port`. */
type Targets = Readonly<Record<string, readonly string[]>>;

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Finite ones, in order. */
  readonly values: readonly number[];
  /** The same, each with its second: 0 is now. */
  readonly points: readonly (readonly [second: number, value: number])[];
}

export class Prometheus {
  readonly #url: string;
  readonly #program: Program;

  private constructor(url: string, program: Program) {
    this.#url = url;
    this.#program = program;
  }

  /** Resolves when it has read every page once. */
  static async start(stage: Stage, targets: Targets): Promise<Prometheus> {
    const folder = stage.folder('prometheus');
    const [port = 0] = await freePorts(1);
    const jobs = Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses }],
    }));
    const global = { scrape_interval: '500ms', scrape_timeout: '500ms' };
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify({ global, scrape_configs: jobs }));
    const program = stage.start('prometheus', 'prometheus', [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ]);
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, program);
    const pages = Object.values(targets).flat().length;
    await until('Prometheus reads the pages', async () => (await prometheus.#read()) === pages, 30_000);
    return prometheus;
  }

  /** What an expression was over the last so many seconds, second by second. Throws what Prometheus says of a wrong one. */
  async over(seconds: number, query: string): Promise<Series[]> {
    const end = Date.now() / 1000;
    const asked = new URLSearchParams({ query, start: String(end - seconds), end: String(end), step: '1' });
    const response = await fetch(`${this.#url}/api/v1/query_range?${asked}`);
    const said = (await response.json()) as {
      readonly error?: string;
      readonly data?: { result: { metric: Record<string, string>; values: [number, string][] }[] };
    };
    if (!said.data) throw new Error(`${query}: ${said.error}`);
    return said.data.result.map(({ metric, values }) => {
      const points = values
        .map(([at, value]) => [Math.round(at - end), Number(value)] as const)
        .filter(([, value]) => Number.isFinite(value));
      return { labels: metric, values: points.map(([, value]) => value), points };
    });
  }

  /** How many pages it has read; it asks for the first after some seconds. */
  async #read(): Promise<number> {
    if (this.#program.exit) throw new Error(`prometheus ended, saying:\n${this.#program.stderr}`);
    await pause(200);
    const series = await this.over(10, 'up == 1').catch(() => []);
    return series.length;
  }
}
