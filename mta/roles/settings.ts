/**
 * What a process is told at its start: folders, addresses, names, tracing. Read once, every problem named by its flag
 * or variable.
 */
import { hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Address, parseAddress } from '#lib/http/address.ts';
import type { PodApi } from '#lib/kube/pod-access.ts';
import type { Pod } from '#lib/kube/pod-report.ts';
import { type Duration, seconds } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import { samplingOf } from '#lib/trace/environment.ts';
import type { Sampling } from '#lib/trace/tracer.ts';
import { type KubernetesFlags, readWorld } from './world-settings.ts';

export interface RoleSettings {
  /** Folder of resources with exactly one `MTACluster`; in Kubernetes only of the secrets they name, `secrets/<name>/<key>`. */
  readonly config: string;
  /** Where resources are when they are in no folder. */
  readonly kubernetes?: KubernetesSettings | undefined;
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

/** Resources in Kubernetes. */
export interface KubernetesSettings {
  /** `namespace/name` of the `MTACluster`. */
  readonly cluster: string;
  /** Namespaces whose resources are read; absent: all. */
  readonly namespaces?: readonly string[];
  /** Which pod this is; absent: it is none. */
  readonly pod?: Pod;
  /** Where the API server is, as a pod is told; absent: a kubeconfig says it. */
  readonly api?: PodApi;
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
  /** The longest that deliveries which have begun are waited for at the end. */
  readonly drain: Duration;
}

export interface StandaloneFlags {
  readonly config?: string;
  readonly data?: string;
  readonly fresh?: boolean;
  readonly metrics: string;
  readonly admin: string;
  readonly hostname?: string;
}

export const EXAMPLE = fileURLToPath(new URL('../../examples/standalone', import.meta.url));

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

export interface ClusterFlags extends Omit<StandaloneFlags, 'data'>, KubernetesFlags {
  readonly data: string;
  readonly keyring: string;
  readonly natsMonitor?: readonly string[];
  readonly allowUnsynced?: boolean;
  /** The longest wait for the reply to a final dot, and a little, unless said otherwise. */
  readonly drainSeconds: string;
}

const LONGEST_DRAIN = 86_400;

/** Throws the fault `bad-setting`. */
export function readClusterSettings(
  flags: ClusterFlags,
  environment: Readonly<Record<string, string | undefined>> = {},
): ClusterSettings {
  const { config, kubernetes } = readWorld(flags, environment);
  return {
    ...readSettings({ ...flags, config }, environment),
    kubernetes,
    keyring: resolve(flags.keyring),
    monitors: flags.natsMonitor?.map(monitorOf),
    allowUnsynced: flags.allowUnsynced ?? false,
    drain: seconds(drainOf(flags.drainSeconds)),
  };
}

function drainOf(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= LONGEST_DRAIN) return count;
  throw new Fault(
    'bad-setting',
    `--drain-seconds ${text}: must be a whole number of at most ${LONGEST_DRAIN}, such as 600`,
  );
}

function monitorOf(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new Fault(
    'bad-setting',
    `--nats-monitor ${url}: must be the address of a server's monitoring, such as http://nats:8222`,
  );
}
