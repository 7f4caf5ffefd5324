/**
 * What a process is told at its start: folders, addresses, names, tracing. Read once, every problem named by its flag
 * or variable.
 */
import { hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Address, parseAddress } from '#lib/http/address.ts';
import { Fault } from '#lib/run/fault.ts';
import { samplingOf } from '#lib/trace/environment.ts';
import type { Sampling } from '#lib/trace/tracer.ts';

export interface RoleSettings {
  /** Folder of resources with exactly one `MTACluster`. */
  readonly config: string;
  /** Folder of everything that must not be lost: queue, keys, secrets. */
  readonly data: string;
  /** Folder of keys and secrets that several processes share; absent: the data folder, and they are made there. */
  readonly keyring?: string | undefined;
  /** Empty the data folder first. */
  readonly fresh: boolean;
  readonly metrics: Address;
  /** Our own name in greetings, Received and reports. */
  readonly hostname: string;
  /** Which messages are traced; absent: none, and nothing of it is loaded. */
  readonly tracing?: Sampling | undefined;
}

export interface StandaloneSettings extends RoleSettings {
  readonly admin: Address;
}

/** How NATS is looked at. */
export interface NatsSettings {
  /** Where servers say how they are set; absent: port 8222 of each. */
  readonly monitors: readonly string[] | undefined;
  /** Go on where servers may lose what they answered for. */
  readonly allowUnsynced: boolean;
}

/** Of a role that is one of several processes. */
export interface ClusterSettings extends StandaloneSettings, NatsSettings {
  readonly keyring: string;
}

export interface StandaloneFlags {
  readonly config?: string;
  readonly data?: string;
  readonly fresh?: boolean;
  readonly metrics: string;
  readonly admin: string;
  readonly hostname?: string;
}

export const EXAMPLE = fileURLToPath(new URL('../examples/standalone', import.meta.url));

/** Where the data of a configuration lies unless said otherwise: `.data/<name of its folder>`, where we stand. */
export const dataFolderOf = (config: string): string => join('.data', basename(resolve(config)));

/** Throws the fault `bad-setting`. */
export function readSettings(
  flags: StandaloneFlags,
  environment: Readonly<Record<string, string | undefined>> = {},
): StandaloneSettings {
  const config = flags.config ?? EXAMPLE;
  return {
    config: resolve(config),
    data: resolve(flags.data ?? dataFolderOf(config)),
    fresh: flags.fresh ?? false,
    metrics: parseAddress('--metrics', flags.metrics),
    admin: parseAddress('--admin', flags.admin),
    hostname: (flags.hostname ?? hostname()).toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-'),
    tracing: samplingOf(environment),
  };
}

export interface ClusterFlags extends Omit<StandaloneFlags, 'config' | 'data'> {
  readonly config: string;
  readonly data: string;
  readonly keyring: string;
  readonly natsMonitor?: readonly string[];
  readonly allowUnsynced?: boolean;
}

/** Throws the fault `bad-setting`. */
export function readClusterSettings(
  flags: ClusterFlags,
  environment: Readonly<Record<string, string | undefined>> = {},
): ClusterSettings {
  return {
    ...readSettings(flags, environment),
    keyring: resolve(flags.keyring),
    monitors: flags.natsMonitor?.map(monitorOf),
    allowUnsynced: flags.allowUnsynced ?? false,
  };
}

function monitorOf(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new Fault(
    'bad-setting',
    `--nats-monitor ${url}: must be the address of a server's monitoring, such as http://nats:8222`,
  );
}
