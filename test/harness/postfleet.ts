/**
 * A real `postfleet standalone` on a folder of resources, and what it tells of itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import type { EventType, MailEvent } from '#mta/mail/event.ts';
import type { ConfigFolder, Ports } from './config.ts';
import { freePorts } from './ports.ts';
import type { Exit, Program } from './program.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

export const LAUNCHER = fileURLToPath(new URL('../../postfleet', import.meta.url));

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface PostfleetOptions {
  /** A new folder unless given. */
  readonly data?: string;
  /** Of another checkout. */
  readonly launcher?: string;
  /** Put in front of the command: `['strace', '-f']`. */
  readonly under?: readonly string[];
  /** Variables beside our own. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Postfleet {
  readonly program: Program;
  readonly config: ConfigFolder;
  readonly data: string;
  readonly metricsUrl: string;
  readonly adminUrl: string;

  private constructor(program: Program, config: ConfigFolder, data: string, metricsUrl: string, adminUrl: string) {
    this.program = program;
    this.config = config;
    this.data = data;
    this.metricsUrl = metricsUrl;
    this.adminUrl = adminUrl;
  }

  /** Resolves when it takes mail. */
  static async start(stage: Stage, config: ConfigFolder, options: PostfleetOptions = {}): Promise<Postfleet> {
    const data = options.data ?? stage.folder('data');
    const [metrics = 0, admin = 0] = await freePorts(2);
    const addresses = ['--metrics', `127.0.0.1:${metrics}`, '--admin', `127.0.0.1:${admin}`];
    const [command = '', ...args] = [
      ...(options.under ?? []),
      options.launcher ?? LAUNCHER,
      'standalone',
      '--config',
      config.path,
      '--data',
      data,
      '--hostname',
      'mta.test',
      ...addresses,
    ];
    const program = stage.start('postfleet', command, args, { env: { ...process.env, ...options.env } });
    await program.says(/postfleet is ready/);
    return new Postfleet(program, config, data, `http://127.0.0.1:${metrics}`, `http://127.0.0.1:${admin}`);
  }

  get ports(): Ports {
    return this.config.ports;
  }

  get username(): string {
    return 'default.app';
  }

  get password(): string {
    return readFileSync(join(this.data, 'secrets', this.username, 'password'), 'utf8').trim();
  }

  stop(): Promise<Exit> {
    return this.program.stop();
  }

  kill(): Promise<Exit> {
    return this.program.kill();
  }

  /** Complete lines so far; lines come at most half a second late. */
  log(): LogLine[] {
    const lines = this.program.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  events(): MailEvent[] {
    return this.log().flatMap((line) => ('event' in line ? [line['event'] as MailEvent] : []));
  }

  /** Waits for the first event of a type, of one message if named. */
  event(type: EventType, message?: string): Promise<MailEvent> {
    return until(`event ${type}`, () =>
      this.events().find((it) => it.type === type && (message === undefined || it.message === message)),
    );
  }

  async metricsPage(): Promise<string> {
    return (await fetch(`${this.metricsUrl}/metrics`)).text();
  }

  /** The sum over all labels that begin with `labels`: `metric('postfleet_attempts_total', 'outcome="delivered"')`. */
  async metric(name: string, labels = ''): Promise<number> {
    const lines = (await this.metricsPage())
      .split('\n')
      .filter((it) => it.startsWith(`${name}{`) || it.startsWith(`${name} `));
    const chosen = lines.filter((it) => it.includes(labels));
    return chosen.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** What a command says of this process. */
  async command(...words: readonly string[]): Promise<string> {
    return (await promisify(execFile)(LAUNCHER, [...words, '--data', this.data])).stdout;
  }

  /** After many kills: what was in hand at three of them goes on, as a person would say. */
  async letGo(): Promise<void> {
    await this.command('resume', '--all');
  }

  /** Everything known of a message, by the command a person would use. */
  async trace(id: string): Promise<{ readonly events: readonly MailEvent[] }> {
    const stdout = await this.command('trace', id, '--json');
    return JSON.parse(stdout) as { events: MailEvent[] };
  }
}
