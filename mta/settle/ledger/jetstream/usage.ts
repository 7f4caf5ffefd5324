/**
 * What has been counted against quotas, on NATS: a fact for each part of a window and who counted it.
 *
 * What others have counted is theirs to tell (`accept/shared-quota.ts`).
 */
import type { Usage, Used } from '../usage.ts';
import type { Facts } from './facts.ts';

const SLICE = 500;

export class StreamUsage implements Usage {
  readonly #facts: Facts;
  readonly #view: Pick<Usage, 'read'>;
  readonly #writer: string;

  /** `writer` is the same after a restart. */
  constructor(facts: Facts, view: Pick<Usage, 'read'>, writer: string) {
    this.#facts = facts;
    this.#view = view;
    this.#writer = writer;
  }

  async read(): Promise<readonly Used[]> {
    await this.#facts.known();
    return this.#view.read();
  }

  async write(used: readonly Used[]): Promise<void> {
    const last = new Map(used.map((it) => [`${it.part} ${it.key}`, it]));
    const facts = [...last.values()].map((it) => ({ kind: 'used', writer: this.#writer, used: it }) as const);
    for (let at = 0; at < facts.length; at += SLICE)
      await this.#facts.write(facts.slice(at, at + SLICE).map((fact) => ({ fact })));
  }
}
