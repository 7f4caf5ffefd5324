/**
 * Chooses the IP address a connection leaves from: smooth weighted choice over a pool's usable members.
 *
 * Smooth (as nginx does it): with weights 5, 1, 1 the order is a a b a c a a, never five in a row. A choice is made
 * once per connection and holds for its life. Which members are usable is the caller's to say.
 */

/** One address mail may leave from. `weight` 0 is never chosen. */
export interface EgressSource {
  readonly name: string;
  /** Address to bind to; `''` leaves the choice to the machine. */
  readonly address: string;
  readonly ehloName: string;
  readonly weight: number;
}

export class SourceChoice {
  /** Credit of each source by name; the one with the most goes next. */
  readonly #credit = new Map<string, number>();

  /** The next source, or undefined when none has weight. Sources may differ from call to call. */
  next(sources: readonly EgressSource[]): EgressSource | undefined {
    const usable = sources.filter((it) => it.weight > 0);
    const total = usable.reduce((sum, it) => sum + it.weight, 0);
    let chosen: EgressSource | undefined;
    let most = -Infinity;
    for (const source of usable) {
      const credit = (this.#credit.get(source.name) ?? 0) + source.weight;
      this.#credit.set(source.name, credit);
      if (credit > most) [chosen, most] = [source, credit];
    }
    if (chosen) this.#credit.set(chosen.name, most - total);
    return chosen;
  }
}
