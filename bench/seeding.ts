/**
 * Fills data folders with queued mail, by a process that uses the queue as the product does (`backlog-seed.ts`).
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Backlog {
  readonly messages: number;
  readonly domains: number;
  readonly tenants: number;
  /** What the names of the domains end in; `test` unless given. */
  readonly suffix?: string;
}

export interface Seeded {
  readonly queued: number;
  readonly deferred: number;
  readonly lanes: number;
}

const PROGRAM = fileURLToPath(new URL('backlog-seed.ts', import.meta.url));

/** Adds to what is in a folder that nobody has open. */
export const seed = (folder: string, { messages, domains, tenants, suffix = 'test' }: Backlog): Seeded =>
  run(folder, String(messages), String(domains), String(tenants), suffix) as Seeded;

/** How many are queued in a folder that nobody has open. */
export const queuedIn = (folder: string): number => (run(folder, 'depth') as { readonly queued: number }).queued;

const run = (...args: readonly string[]): unknown =>
  JSON.parse(execFileSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' }));
