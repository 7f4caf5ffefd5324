/**
 * One source of mail over all phases, by SMTP and by HTTP through the Services, and the sink that counts and verifies it: mailbench.
 */
import type { Mailbench, Verdict } from '../../harness/mailbench.ts';
import { until } from '../../harness/until.ts';
import type { Bench } from '../ground.ts';

/** Where mail is handed in, and by whom. */
export interface Door {
  /** Of the Service of the ingress. */
  readonly address: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
}

/** More than are ever handed in. */
const NO_END = 1_000_000;
/** Half of them by HTTP. One whose peer has gone without a word waits for a minute, and holds up no more than its message. */
const CONNECTIONS = 40;
/** Seconds that mail may take while nothing waits. */
const UNDER_WAY = 3;
/** Half as much again as was seen (280 s) after all pods of a node had been evicted at once, beside a load at which two cores have little to spare. */
const DRAINED_WITHIN = 420_000;

const DOMAINS = 40;

export class SteadyLoad {
  readonly #bench: Mailbench;
  readonly #rate: number;

  private constructor(bench: Mailbench, rate: number) {
    this.#bench = bench;
    this.#rate = rate;
  }

  /** `rate`: messages a second that are handed in. */
  static start(bench: Bench, rate: number, { address, username, password, token }: Door): SteadyLoad {
    const by = ['-starttls', '-auth', `${username}:${password}`, '-post', `${address}:80`, '-token', token, '-keys'];
    const what = ['-domains', '1:d%d.load.test', '-spread', String(DOMAINS), '-size', '2048', '-rate', String(rate)];
    // What three servers on one disk have not yet synced when somebody is killed is in doubt.
    const judged = ['-dkim-dns', bench.dns, '-signatures', '2', '-settle', '1s', '-every', '200ms'];
    const flags = [...by, ...what, ...judged, '-wait', '180s', '-linger', '15s'];
    const much = { messages: NO_END, connections: CONNECTIONS };
    return new SteadyLoad(bench.start({ to: `${address}:587`, sink: bench.sink, ...much, flags }), rate);
  }

  /** To be called right after something was killed. */
  noteKill(): void {
    this.#bench.noteKill();
  }

  nextPhase(): void {
    this.#bench.nextPhase();
  }

  /** Resolves when mail goes as it is handed in. */
  async drained(): Promise<void> {
    const isDrained = (): boolean => (this.#bench.waiting() ?? NO_END) <= UNDER_WAY * this.#rate;
    await until('mail that waits has been delivered', isDrained, DRAINED_WITHIN, 200);
  }

  end(): Promise<Verdict> {
    this.#bench.enough();
    return this.#bench.verdict();
  }
}
