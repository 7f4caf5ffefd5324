/**
 * Connections counted by name in this process.
 */
import type { Full, Slot, SlotClaim } from './limits.ts';
import { SOON } from './shared-rate.ts';

export class OpenSlots {
  readonly #open = new Map<string, number>();

  /** The first name that has no room beside so many that may be opened soon, or not. */
  full(claims: readonly SlotClaim[], kept = 0): Full | undefined {
    const full = claims.find(({ name, most }) => this.used(name) + kept >= most);
    if (!full) return undefined;
    return this.used(full.name) >= full.most ? { full: full.name } : { full: full.name, wait: SOON };
  }

  /** There must be room. */
  open(claims: readonly SlotClaim[]): Slot {
    for (const { name } of claims) this.#open.set(name, this.used(name) + 1);
    let isHeld = true;
    return {
      isWanted: false,
      release: () => {
        if (isHeld) for (const { name } of claims) this.#close(name);
        isHeld = false;
      },
    };
  }

  used(name: string): number {
    return this.#open.get(name) ?? 0;
  }

  get size(): number {
    return this.#open.size;
  }

  #close(name: string): void {
    const open = this.used(name) - 1;
    if (open > 0) this.#open.set(name, open);
    else this.#open.delete(name);
  }
}
