/**
 * A Postfleet that has a backlog, with a sink of its own that can be stopped: what it does then, by the clock.
 *
 * While the sink stands still nothing leaves; then what it takes and what it sends can be measured apart.
 */
import assert from 'node:assert';
import type { ConfigFolder } from '../test/harness/config.ts';
import { type Counts, CountingSink } from '../test/harness/counting-sink.ts';
import { Mailbench } from '../test/harness/mailbench.ts';
import { Postfleet } from '../test/harness/postfleet.ts';
import type { Stage } from '../test/harness/stage.ts';
import { type Backlog, configFor, queuedIn, seed, type Seeded } from './seeding.ts';
import { usageOf } from './usage.ts';

/** Milliseconds from the start of the process. */
export interface Start {
  /** It said that it takes mail. */
  readonly listening: number;
  /** The sink had the first message. */
  readonly delivering: number;
}

/** Messages a second. */
export interface Rates {
  readonly accepted: number;
  readonly delivered: number;
}

const CONNECTIONS = 20;
const BODY_BYTES = 2048;
const PATIENCE_MS = 120_000;

export class Backlogged {
  readonly backlog: Backlog;
  readonly seeded: Seeded;
  readonly #stage: Stage;
  readonly #data: string;
  readonly #config: ConfigFolder;
  readonly #sink: CountingSink;
  #fleet: Postfleet | undefined;
  #paused: Counts | undefined;
  #accepted = 0;
  #refused = 0;
  #peakMemory = 0;

  private constructor(stage: Stage, backlog: Backlog, data: string, config: ConfigFolder, sink: CountingSink) {
    this.backlog = backlog;
    this.seeded = seed(data, backlog);
    this.#stage = stage;
    this.#data = data;
    this.#config = config;
    this.#sink = sink;
  }

  /** Its queue is filled; nothing is started but the sink. */
  static async fill(stage: Stage, backlog: Backlog): Promise<Backlogged> {
    const config = await configFor(stage, backlog.tenants);
    const sink = await CountingSink.start(stage, config.ports.receiver);
    return new Backlogged(stage, backlog, stage.folder('data'), config, sink);
  }

  async start(): Promise<Start> {
    const before = await this.#sink.counts();
    const begun = Date.now();
    this.#fleet = await Postfleet.start(this.#stage, this.#config, { data: this.#data });
    const listening = Date.now() - begun;
    const first = await this.#sink.when('a delivery', (it) => it.delivered > before.delivered);
    return { listening, delivering: first.at - begun };
  }

  /** SIGKILL while it delivers. */
  async kill(): Promise<void> {
    await this.#delivers(1000, await this.#sink.counts());
    this.#noteMemory();
    const killed = this.#fleet?.kill();
    this.#sink.noteKill();
    await killed;
  }

  /** Nothing leaves from now on. */
  async pause(): Promise<void> {
    this.#paused = await this.#sink.counts();
    this.#sink.pause();
  }

  goOn(): void {
    this.#sink.goOn();
  }

  /** Takes new mail. */
  async accept(messages: number): Promise<number> {
    const { domains } = this.backlog;
    const flags = ['-size', String(BODY_BYTES), '-domains', '1:d%d.test', '-spread', String(domains)];
    const load = { to: this.#config.ports.submission, messages, connections: CONNECTIONS, flags };
    const verdict = await Mailbench.start(this.#stage, load).verdict();
    this.#accepted += verdict.accepted;
    this.#refused += verdict.refused + verdict.unknown;
    return verdict.acceptPerSecond;
  }

  /** How fast so many are delivered, from when the sink goes on: what was on the wire then counts. */
  async deliver(messages: number): Promise<number> {
    assert(this.#paused, 'it stood still before');
    const from = { ...this.#paused, at: Date.now() };
    this.goOn();
    return this.#delivers(messages, from);
  }

  /** Takes new mail while it delivers. */
  async both(messages: number): Promise<Rates> {
    const from = await this.#sink.counts();
    const accepted = await this.accept(messages);
    return { accepted, delivered: rateOf(from, await this.#sink.counts()) };
  }

  /** Most bytes of memory in any of its lives. */
  get peakMemory(): number {
    this.#noteMemory();
    return this.#peakMemory;
  }

  /**
   * Ends it, and answers what is wrong with its books: every message was delivered or is queued; both, or delivered twice,
   * at most what was in doubt when it was killed. As few lost ones could hide behind those: `test/crash` has every id.
   */
  async audit(): Promise<string[]> {
    this.goOn();
    await this.#fleet?.stop();
    const counts = await this.#sink.counts();
    const missing = this.seeded.queued + this.#accepted - counts.unique - queuedIn(this.#data);
    const twice = counts.delivered - counts.unique + Math.max(-missing, 0);
    return [
      ...(missing > 0 ? [`${missing} lost`] : []),
      ...(twice > counts.inDoubt ? [`${twice} delivered twice or queued still, ${counts.inDoubt} were in doubt`] : []),
      ...(counts.unsigned > 0 ? [`${counts.unsigned} unsigned`] : []),
      ...(this.#refused > 0 ? [`${this.#refused} refused`] : []),
    ];
  }

  async #delivers(messages: number, from: Counts): Promise<number> {
    const many = (it: Counts): boolean => it.delivered >= from.delivered + messages;
    return rateOf(from, await this.#sink.when(`${messages} deliveries`, many, PATIENCE_MS));
  }

  #noteMemory(): void {
    const pid = this.#fleet?.program.exit ? undefined : this.#fleet?.program.pid;
    if (pid !== undefined) this.#peakMemory = Math.max(this.#peakMemory, usageOf(pid).peakMemory);
  }
}

const rateOf = (from: Counts, to: Counts): number => ((to.delivered - from.delivered) * 1000) / (to.at - from.at);
