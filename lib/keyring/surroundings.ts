/**
 * What provisioning works with and what it answers.
 */
import { join } from 'node:path';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';

export interface Surroundings {
  readonly dataFolder: string;
  readonly configFolder: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Where senders connect to, for the files host, port and uri. */
  readonly endpoint?: Endpoint;
}

export interface Endpoint {
  readonly scheme: 'smtp' | 'smtps';
  readonly host: string;
  readonly port: number;
}

export interface Provisioned {
  /** Paths of the files written. Empty when nothing was missing. */
  readonly made: readonly string[];
  /** What could not be done and why, a sentence each, without secrets. The rest was done. */
  readonly problems: readonly string[];
}

/** The folder the keyring is read from. */
export const keyringFolder = (dataFolder: string): string => join(dataFolder, 'keyring');
