/**
 * What the shards of a process hold in memory of messages, bounded over all of them together, so that it does not grow with
 * how many they are: bytes of what is leased, and what was just put.
 */
import { Bodies } from './bodies.ts';
import { Recent } from './recent.ts';

export interface Memory {
  readonly bodies: Bodies;
  readonly recent: Recent;
}

/** Bytes that leases hold together, above which they wait, unless it is said. */
export const LEASED_BYTES = 256 * 1024 * 1024;
/** Bytes of messages kept in memory after they were put, so that sending them at once needs no read: of one shard… */
export const RECENT_OF_ONE = 16 * 1024 * 1024;
/** … and of as many as a process may hold, whose bytes would have to be asked for elsewhere. */
export const RECENT_OF_MANY = 64 * 1024 * 1024;

/** `recent` bytes of what was just put. */
export const memoryOf = (recent: number, leased: number = LEASED_BYTES): Memory => ({
  bodies: new Bodies(leased),
  recent: new Recent(recent),
});
