/**
 * Fills data folders with queued mail, by a process that uses the queue as the product does (`backlog-seed.ts`).
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConfigFolder } from '../test/harness/config.ts';
import type { Stage } from '../test/harness/stage.ts';

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

/** Resources for the tenants of backlogs: each has a domain to send as, with a key of its own. */
export async function configFor(stage: Stage, tenants: number): Promise<ConfigFolder> {
  const namespaces = { from: 'All' };
  const config = await ConfigFolder.from(stage, 'bench', {
    MTACluster: { spec: { namespaces } },
    IPPool: { spec: { namespaces } },
  });
  for (let at = 0; at < tenants; at += 1) config.write(`6-tenant-${at}.yaml`, domainOf(`tenant-${at}`));
  return config;
}

const domainOf = (tenant: string): string => `apiVersion: postfleet.io/v1alpha1
kind: SendingDomain
metadata: { name: ${tenant}.test, namespace: ${tenant} }
spec:
  domain: ${tenant}.test
  poolRef: { name: main, namespace: default }
  dkim: { algorithms: [RSA2048] }
  verification: Skip
`;

/** Adds to what is in a folder that nobody has open. */
export const seed = (folder: string, { messages, domains, tenants, suffix = 'test' }: Backlog): Seeded =>
  run(folder, String(messages), String(domains), String(tenants), suffix) as Seeded;

/** How many are queued in a folder that nobody has open. */
export const queuedIn = (folder: string): number => (run(folder, 'depth') as { readonly queued: number }).queued;

const run = (...args: readonly string[]): unknown =>
  JSON.parse(execFileSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8' }));
