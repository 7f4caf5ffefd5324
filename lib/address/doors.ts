/**
 * Counts who is connected, by all ways in together, and says who is one too many.
 *
 * An IPv6 network of 64 bits counts as one address. Promises: whoever entered counts until `leave`, which the caller
 * calls once; who was refused does not count.
 */
import { networkOf } from './network.ts';

export type Excess = 'too-many-connections' | 'too-many-from-address';

export interface DoorLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

export class Doors {
  readonly #limits: () => DoorLimits;
  readonly #byNetwork = new Map<string, number>();
  #open = 0;

  /** `limits` are asked each time. */
  constructor(limits: () => DoorLimits) {
    this.#limits = limits;
  }

  /** From 0 to 1. */
  get fill(): number {
    return this.#open / this.#limits().connections;
  }

  /**
   * Lets a connection in, unless there are too many. A familiar one is not limited by its address; one that is still to say
   * for whom it comes has none.
   */
  enter(address: string | undefined, isFamiliar = false): Excess | undefined {
    const { connections, connectionsPerAddress } = this.#limits();
    if (this.#open >= connections) return 'too-many-connections';
    const isMany = address !== undefined && !isFamiliar && this.#from(address) >= connectionsPerAddress;
    if (isMany) return 'too-many-from-address';
    this.#count(address, 1);
    return undefined;
  }

  leave(address: string | undefined): void {
    this.#count(address, -1);
  }

  #from(address: string): number {
    return this.#byNetwork.get(networkOf(address)) ?? 0;
  }

  #count(address: string | undefined, change: 1 | -1): void {
    this.#open += change;
    if (address === undefined) return;
    const network = networkOf(address);
    const open = this.#from(address) + change;
    if (open > 0) this.#byNetwork.set(network, open);
    else this.#byNetwork.delete(network);
  }
}
