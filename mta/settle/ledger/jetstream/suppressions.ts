/**
 * Suppressions on NATS: a fact each, looked up in the view as the embedded ones are in their file.
 *
 * `match` answers from the view, so that an entry of another process counts as soon as it has come here, which takes
 * milliseconds; everything else waits for what was written before it was asked, or for a second when NATS is away.
 */
import type { Clock } from '#lib/run/clock.ts';
import { subjectKey, type Suppression } from '../../../mail/suppression.ts';
import type { SqliteSuppressions } from '../sqlite-suppressions.ts';
import type { Page, Suppressions } from '../suppressions.ts';
import type { Fact } from './fact.ts';
import type { Facts, Writing } from './facts.ts';

type OfSuppression = Extract<Fact, { kind: 'suppression' }>;

/** Entries written together, so that a long list never holds anything for long. */
const SLICE = 500;

export class StreamSuppressions implements Suppressions {
  readonly #facts: Facts;
  readonly #view: SqliteSuppressions;
  readonly #clock: Clock;

  constructor(facts: Facts, view: SqliteSuppressions, clock: Clock) {
    this.#facts = facts;
    this.#view = view;
    this.#clock = clock;
  }

  async suppress(tenant: string, entries: readonly Suppression[]): Promise<void> {
    for (let at = 0; at < entries.length; at += SLICE) {
      const slice = this.#longestOf(tenant, entries.slice(at, at + SLICE));
      while (!(await this.#writeLonger(slice)));
    }
  }

  async replace(tenant: string, entry: Suppression): Promise<void> {
    await this.#facts.write([{ fact: factOf(tenant, entry) }]);
  }

  async unsuppress(tenant: string, subject: string): Promise<Suppression | undefined> {
    const gone: OfSuppression = { kind: 'suppression', tenant, key: subjectKey(subject) };
    for (let removed: Suppression | undefined; ;) {
      const { fact, after } = await this.#facts.standing(gone);
      await this.#facts.seen(after);
      const entry = this.#counts(fact?.entry);
      // What was asked for and not answered for may be done.
      if (!entry) return removed;
      removed = entry;
      if (await this.#facts.write([{ fact: gone, after }])) return entry;
    }
  }

  async find(tenant: string, subject: string): Promise<Suppression | undefined> {
    await this.#facts.known();
    return this.#view.find(tenant, subject);
  }

  async list(tenant: string, page: Page): Promise<readonly Suppression[]> {
    await this.#facts.known();
    return this.#view.list(tenant, page);
  }

  match(tenant: string, recipient: string): undefined | Promise<Suppression | undefined> {
    return this.#view.match(tenant, recipient);
  }

  /** Whether it is done; not when somebody else wrote one of them meanwhile. */
  async #writeLonger(facts: readonly OfSuppression[]): Promise<boolean> {
    const there = await Promise.all(facts.map((it) => this.#facts.standing(it)));
    const writings = facts.flatMap((fact, at): Writing[] => {
      const entry = this.#counts(there[at]?.fact?.entry);
      return lasts(fact.entry) > lasts(entry) ? [{ fact, after: there[at]?.after ?? 0 }] : [];
    });
    if (writings.length > 0) return this.#facts.write(writings);
    await this.#facts.seen(Math.max(0, ...there.map((it) => it.after)));
    return true;
  }

  /** One for each key. */
  #longestOf(tenant: string, entries: readonly Suppression[]): OfSuppression[] {
    const longest = new Map<string, OfSuppression>();
    for (const entry of entries) {
      const fact = factOf(tenant, entry);
      if (lasts(this.#counts(entry)) > lasts(longest.get(fact.key)?.entry)) longest.set(fact.key, fact);
    }
    return [...longest.values()];
  }

  #counts(entry: Suppression | undefined): Suppression | undefined {
    return entry && (entry.expiresAt ?? Infinity) > this.#clock.now() ? entry : undefined;
  }
}

const factOf = (tenant: string, entry: Suppression): OfSuppression => ({
  kind: 'suppression',
  tenant,
  key: subjectKey(entry.subject),
  entry,
});

/** Until when; nothing lasts not at all. */
const lasts = (entry: Suppression | undefined): number => (entry ? (entry.expiresAt ?? Infinity) : -Infinity);
