/**
 * Connections to the API server that are kept, for as long as the same is trusted.
 */
import { Agent, type RequestOptions } from 'node:https';

/** What connections are made with. */
const TRUST = ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized'] as const;

export class SharedAgent {
  #agent: Agent | undefined;
  #trusted = '';

  /** Another certificate means other connections. */
  trusting(options: RequestOptions): Agent {
    const trust = Object.fromEntries(TRUST.filter((it) => options[it] !== undefined).map((it) => [it, options[it]]));
    const trusted = JSON.stringify(trust);
    if (this.#agent && trusted === this.#trusted) return this.#agent;
    // What is under way on the earlier connections may end; the server closes idle ones.
    this.#trusted = trusted;
    // As many as are asked for: a watch has one for as long as it lasts, and an operator has one for each type and namespace.
    this.#agent = new Agent({ keepAlive: true, keepAliveMsecs: 30_000, ...trust });
    return this.#agent;
  }

  /** Ends those that are idle. */
  close(): void {
    this.#agent?.destroy();
    this.#agent = undefined;
  }
}
