/**
 * `postfleet provision`: makes the keys and secrets that resources call for, where several processes read them.
 *
 * To be run before they start, and after a change that declares a domain or a credential: they read what is new within ten
 * seconds. What is there stays.
 */
import { openFolder } from '#crds/source/folder.ts';
import { systemClock as clock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { systemRandom as random } from '#lib/run/random.ts';
import { adminToken } from './data-folder.ts';
import { provisionAll } from '../declared/declared.ts';

export interface ProvisionFlags {
  readonly config: string;
  readonly keyring: string;
}

/** Prints each file it made. Fault `keys-missing` when something could not be made; the rest was. */
export async function provisionCommand({ config, keyring }: ProvisionFlags, print: (text: string) => void) {
  const source = await openFolder(config, clock);
  try {
    const { made, problems } = await provisionAll({ config, data: keyring, clock, random }, source.current());
    // One for all processes: people need not know which of them they ask.
    await adminToken(keyring, random);
    for (const file of made) print(file);
    if (problems.length > 0) throw new Fault('keys-missing', problems.join('\n'));
  } finally {
    await source.close();
  }
}
