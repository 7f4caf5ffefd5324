/**
 * What the operator is told at its start. Read once, every problem named by its flag.
 */
import { isPrivateNetwork } from '#lib/dns/private-address.ts';
import { type Address, parseAddress } from '#lib/http/address.ts';
import { Fault } from '#lib/run/fault.ts';

export interface OperatorSettings {
  /** Where its lease is: its own namespace. */
  readonly namespace: string;
  /** Namespaces whose resources it reconciles; absent: all. */
  readonly watchNamespaces?: readonly string[];
  /** Where the egress proxies of nodes are; absent: there are none. */
  readonly egressNamespace?: string;
  /** The image of the pods it makes. */
  readonly image: string;
  /** The role of the whole cluster that its pods' accounts are bound to, to read what is declared. */
  readonly podsRole: string;
  /** Tells it from others that may lead. */
  readonly identity: string;
  readonly metrics: Address;
  /** DNS servers; the machine's own when empty. */
  readonly resolvers: readonly string[];
  /** Private networks that name servers of domains may lie in. */
  readonly allowPrivate: readonly string[];
  /** The host that takes bounces: where the return paths of domains point. */
  readonly hostname: string;
}

export interface OperatorFlags {
  readonly namespace: string;
  readonly watchNamespaces?: string;
  readonly egressNamespace?: string;
  readonly image: string;
  readonly podsRole: string;
  readonly identity: string;
  readonly metrics: string;
  readonly resolver?: readonly string[];
  readonly allowPrivate?: readonly string[];
  readonly hostname: string;
}

const ROLE = /^[-a-z0-9.:]{1,253}$/;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Throws the fault `bad-setting`. */
export function readOperatorSettings(flags: OperatorFlags): OperatorSettings {
  const {
    namespace,
    egressNamespace,
    image,
    podsRole,
    identity,
    hostname,
    resolver: resolvers = [],
    allowPrivate = [],
  } = flags;
  const watchNamespaces = flags.watchNamespaces?.split(',').map((it) => it.trim());
  for (const name of [
    namespace,
    ...(watchNamespaces ?? []),
    ...(egressNamespace === undefined ? [] : [egressNamespace]),
  ])
    if (!NAMESPACE.test(name))
      throw new Fault(
        'bad-setting',
        `--namespace and --watch-namespaces and --egress-namespace must name namespaces; "${name}" cannot be one.`,
      );
  if (!/^\S{1,500}$/.test(image))
    throw new Fault('bad-setting', '--image must name an image, such as postfleet:1.0.0.');
  if (!ROLE.test(podsRole))
    throw new Fault(
      'bad-setting',
      `--pods-role must name a ClusterRole, such as postfleet-pods; "${podsRole}" cannot be one.`,
    );
  for (const network of allowPrivate)
    if (!isPrivateNetwork(network))
      throw new Fault(
        'bad-setting',
        `--allow-private must name a private network, such as 10.1.0.0/16; "${network}" is none.`,
      );
  const metrics = parseAddress('--metrics', flags.metrics);
  const names = { namespace, image, podsRole, identity, hostname };
  return {
    ...names,
    metrics,
    resolvers,
    allowPrivate,
    ...(watchNamespaces && { watchNamespaces }),
    ...(egressNamespace !== undefined && { egressNamespace }),
  };
}
