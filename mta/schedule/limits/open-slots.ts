/**
 * Connections counted by name in this process.
 */
import type { Full, Slot, SlotClaim } from './limits.ts';

export class OpenSlots {
  readonly #open = new Map<string, number>();

  /** The first name that has no room. */
  full(claims: readonly SlotClaim[]): Full | undefined {
    const full = claims.find(({ name, most }) => this.used(name) >= most);
    return full && { full: full.name };
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
