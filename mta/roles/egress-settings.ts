/**
 * What the egress proxy is told at its start. Read once, every problem named by its flag.
 */
import { resolve } from 'node:path';
import { isPrivateNetwork, matchesNetwork } from '#lib/dns/private-address.ts';
import { type Address, parseAddress } from '#lib/http/address.ts';
import { type PodApi, podApiOf } from '#lib/kube/pod-access.ts';
import type { Pod } from '#lib/kube/pod-report.ts';
import { Fault } from '#lib/run/fault.ts';
import { podOf, readNamespaces } from './world-settings.ts';

export interface EgressSettings {
  /** Folder of resources with exactly one `MTACluster`; absent: they are in Kubernetes. */
  readonly config?: string;
  readonly kubernetes?: EgressKubernetes;
  readonly listen: Address;
  /** File of who may use it; absent on loopback only. */
  readonly auth?: string;
  /** Folder with `tls.crt` and `tls.key`; absent: clients speak in clear. */
  readonly tls?: string;
  /** Ports that may be connected to. */
  readonly ports: ReadonlySet<number>;
  /** Private networks that may be connected to, in CIDR form. */
  readonly allowPrivate: readonly string[];
  readonly connections: number;
  readonly connectionsPerClient: number;
  readonly metrics: Address;
}

export interface EgressKubernetes {
  /** Namespaces whose pools are read; absent: all. */
  readonly namespaces?: readonly string[];
  /** Which pod this is; absent: it is none. */
  readonly pod?: Pod;
  /** Where the API server is, as a pod is told; absent: a kubeconfig says it. */
  readonly api?: PodApi;
}

export interface EgressFlags {
  readonly config?: string;
  readonly kubernetes?: boolean;
  readonly watchNamespaces?: string;
  readonly listen: string;
  readonly auth?: string;
  readonly tls?: string;
  readonly allowPort: readonly string[];
  readonly allowPrivate?: readonly string[];
  readonly connections: string;
  readonly connectionsPerClient: string;
  readonly metrics: string;
}

const MOST_CONNECTIONS = 100_000;

/** Throws the fault `bad-setting`. */
export function readEgressSettings(
  flags: EgressFlags,
  environment: Readonly<Record<string, string | undefined>> = {},
): EgressSettings {
  const { auth, tls, allowPrivate = [] } = flags;
  const listen = parseAddress('--listen', flags.listen);
  if (auth === undefined && !isLoopback(listen.host))
    throw new Fault(
      'bad-setting',
      `--listen ${flags.listen}: whoever reaches it could send from your addresses; name a file of logins with --auth, or listen on 127.0.0.1.`,
    );
  for (const network of allowPrivate) checkNetwork(network);
  return {
    ...readDeclared(flags, environment),
    listen,
    ...(auth !== undefined && { auth: resolve(auth) }),
    ...(tls !== undefined && { tls: resolve(tls) }),
    ports: new Set(flags.allowPort.map((it) => integer('--allow-port', it, 65_535))),
    allowPrivate,
    connections: integer('--connections', flags.connections, MOST_CONNECTIONS),
    connectionsPerClient: integer('--connections-per-client', flags.connectionsPerClient, MOST_CONNECTIONS),
    metrics: parseAddress('--metrics', flags.metrics),
  };
}

function readDeclared(
  { config, kubernetes = false, watchNamespaces }: EgressFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Pick<EgressSettings, 'config' | 'kubernetes'> {
  if ((config !== undefined) === kubernetes)
    throw new Fault('bad-setting', '--config and --kubernetes: name one of them, where the pools are declared');
  if (config !== undefined) return { config: resolve(config) };
  const namespaces = watchNamespaces === undefined ? undefined : readNamespaces(watchNamespaces);
  const [pod, api] = [podOf(environment), podApiOf(environment)];
  return { kubernetes: { ...(namespaces && { namespaces }), ...(pod && { pod }), ...(api && { api }) } };
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || matchesNetwork(host, '127.0.0.0/8') || matchesNetwork(host, '::1');

function checkNetwork(network: string): void {
  if (isPrivateNetwork(network)) return;
  throw new Fault('bad-setting', `--allow-private ${network}: must be a private network such as 10.1.0.0/16`);
}

function integer(flag: string, text: string, most: number): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw new Fault('bad-setting', `${flag} ${text}: must be a number from 1 to ${most}`);
}
