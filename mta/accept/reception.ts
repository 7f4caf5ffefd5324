/**
 * What all ways in share, so that none can fill the process past another: who is connected, and memory for their mail.
 */
import { type DoorLimits, Doors } from '#lib/address/doors.ts';
import { ReceivingMemory } from './memory.ts';

export interface Reception {
  readonly doors: Doors;
  readonly memory: ReceivingMemory;
}

/** `limits` are asked each time. */
export const openReception = (limits: () => DoorLimits & { readonly receivingBytes: number }): Reception => ({
  doors: new Doors(limits),
  memory: new ReceivingMemory(() => limits().receivingBytes),
});
