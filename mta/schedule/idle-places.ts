/**
 * Who has an idle connection, by the names it counts under: whoever needs room under one finds at once who can make some, however
 * many are idle elsewhere. No I/O.
 */
export class IdlePlaces<Holder> {
  readonly #namesOf = new Map<Holder, readonly string[]>();
  readonly #byName = new Map<string, Set<Holder>>();

  /** It has an idle connection, or one more: the names are those of the first. */
  add(holder: Holder, names: readonly string[]): void {
    if (this.#namesOf.has(holder)) return;
    this.#namesOf.set(holder, names);
    for (const name of names) this.#byName.set(name, (this.#byName.get(name) ?? new Set()).add(holder));
  }

  /** It has none any more. */
  remove(holder: Holder): void {
    for (const name of this.#namesOf.get(holder) ?? []) {
      const holders = this.#byName.get(name);
      holders?.delete(holder);
      if (holders?.size === 0) this.#byName.delete(name);
    }
    this.#namesOf.delete(holder);
  }

  /** Who has had one for longest. */
  first(name: string): Holder | undefined {
    return this.#byName.get(name)?.values().next().value;
  }
}
