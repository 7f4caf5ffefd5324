/**
 * The configuration that one process of a cluster reads: a folder of resources for one machine, with what the cluster has in
 * place of what one machine has, and the listeners of one ingress.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Secured } from './nats-accounts.ts';

export interface ClusterConfig {
  /** A folder of resources for one machine. */
  readonly config: string;
  /** Of the nats-servers. */
  readonly servers: number;
  readonly ingresses: number;
  readonly workers: number;
  /** Which port of the n-th ingress stands for a port of the configuration. */
  readonly portOf: (port: number, ingress: number) => number;
  /** Further fields of the `MTACluster`'s spec. */
  readonly spec?: object;
  /** The port on loopback that policies lead to, in place of the configuration's. */
  readonly routedTo?: number;
  /** The nats-servers want to know who we are, over TLS. */
  readonly secured?: Secured;
}

/** Whose configuration it is, and where that finds others. */
export interface Place {
  /** A folder that is empty. */
  readonly path: string;
  readonly ingress: number;
  readonly nats: readonly string[];
  readonly redis: string;
}

interface Listener {
  readonly name: string;
  readonly port: number;
}

interface Document {
  readonly kind: string;
  readonly spec: { readonly ingress?: { readonly listeners?: readonly Listener[] } };
}

/** Answers the ports of the listeners, by name. */
export function writeConfig(options: ClusterConfig, place: Place): Readonly<Record<string, number>> {
  const { path } = place;
  let ports: Readonly<Record<string, number>> | undefined;
  cpSync(options.config, path, { recursive: true });
  for (const file of readdirSync(path).filter((it) => it.endsWith('.yaml'))) {
    const { routedTo } = options;
    const text = readFileSync(join(path, file), 'utf8');
    if (routedTo !== undefined) writeFileSync(join(path, file), text.replaceAll(/\b2626\b/g, String(routedTo)));
    const document = parse(text) as Document;
    if (document.kind !== 'MTACluster') continue;
    const changed = clusterOf(document, options, place);
    writeFileSync(join(path, file), stringify(changed));
    ports = Object.fromEntries(changed.spec.ingress.listeners.map((it) => [it.name, it.port]));
  }
  if (options.secured) writeSecrets(path, options.secured);
  if (!ports) throw new Error(`${options.config} has no MTACluster in a file of its own`);
  return ports;
}

/** As a person would put them. */
function writeSecrets(config: string, { credentials, ca }: Secured): void {
  const folder = join(config, 'secrets', 'nats');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'user.creds'), credentials);
  writeFileSync(join(folder, 'ca.crt'), ca);
}

function clusterOf(document: Document, options: ClusterConfig, place: Place) {
  const { portOf, ingresses, workers, servers, spec, secured } = options;
  const refs = secured && {
    credentialsRef: { name: 'nats', key: 'user.creds' },
    caRef: { name: 'nats', key: 'ca.crt' },
  };
  const scheme = secured ? 'tls' : 'nats';
  const { ingress: before, ...others } = document.spec;
  const listeners = (before?.listeners ?? []).map((it) =>
    Object.assign({}, it, { port: portOf(it.port, place.ingress) }),
  );
  const nats = { servers: place.nats.map((it) => `${scheme}://${it}`), replicas: servers > 1 ? 3 : 1, ...refs };
  const ours = {
    ingress: { ...before, listeners, replicas: ingresses },
    workers: { replicas: workers },
    queue: { nats },
    limits: { redis: { url: place.redis } },
  };
  return { ...document, spec: { ...others, ...ours, ...spec } };
}
