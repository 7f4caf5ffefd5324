/**
 * A `DestinationPolicy`: whether it counts, and which other takes some of its destinations from it. Pure.
 *
 * It counts beside its `MTACluster` alone. Of two that name the same destination in the same way the older holds, then the name.
 */
import type { DestinationPolicy, Match } from '#crds/kinds/destination-policy.ts';
import { keyOf } from '#crds/resource.ts';
import { type Finding, type Progress, summary } from '../controller/condition.ts';

/** `older`: policies of the same cluster that come before it, the first first. */
export function policyFindings(
  { metadata, spec }: DestinationPolicy,
  hasCluster: boolean,
  older: readonly DestinationPolicy[],
): Finding[] {
  const cluster = keyOf({ namespace: metadata.namespace, name: spec.clusterRef.name });
  if (!hasCluster) {
    const message = `there is no valid MTACluster ${cluster}: a policy counts in its cluster's namespace alone`;
    return [
      ...summary({ kind: 'stalled', reason: 'ClusterMissing', message }),
      { type: 'Accepted', status: 'False', reason: 'ClusterMissing', message },
    ];
  }
  const own = spec.routes?.find(({ host }) => isIngress(host, cluster));
  if (own) {
    const message = `spec.routes must not name ${own.host}: that is where this MTACluster takes mail, which would come back to it`;
    return [
      ...summary({ kind: 'stalled', reason: 'RouteToItself', message }),
      { type: 'Accepted', status: 'False', reason: 'RouteToItself', message },
    ];
  }
  const lost = lostTo(spec.match, older);
  return [
    ...summary(progressOf(lost, namesOf(spec.match).length)),
    { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' },
    conflicted(lost),
  ];
}

/** Names of the Service of ingress; `cluster` is `namespace/name`. */
function isIngress(host: string, cluster: string): boolean {
  const [namespace = '', name = ''] = cluster.split('/');
  const service = `${name}-ingress`;
  return host === service || host === `${service}.${namespace}` || host.startsWith(`${service}.${namespace}.svc`);
}

interface Lost {
  readonly destination: string;
  /** The policy that has it. */
  readonly to: string;
}

function lostTo(match: Match, older: readonly DestinationPolicy[]): Lost[] {
  return namesOf(match).flatMap((destination) => {
    const holder = older.find(({ spec }) => namesOf(spec.match).includes(destination));
    return holder ? [{ destination, to: holder.metadata.name }] : [];
  });
}

/** Each destination in the way in which it is named. */
const namesOf = ({ provider, domains = [], mxSuffixes = [], all }: Match): string[] => [
  ...(provider === undefined ? [] : [`provider ${provider}`]),
  ...domains,
  ...mxSuffixes.map((it) => `mail exchangers at ${it}`),
  ...(all ? ['all others'] : []),
];

/** What holds for some of its destinations is as it should be; what holds for none is not. */
function progressOf(lost: readonly Lost[], named: number): Progress {
  if (lost.length < named) return { kind: 'ready' };
  return { kind: 'stalled', reason: 'Conflicted', message: textOf(lost) };
}

const conflicted = (lost: readonly Lost[]): Finding =>
  lost.length === 0
    ? { type: 'Conflicted', status: 'False', reason: 'NoConflict', message: '' }
    : { type: 'Conflicted', status: 'True', reason: 'OlderPolicy', message: textOf(lost) };

const textOf = (lost: readonly Lost[]): string =>
  `older policies hold: ${lost.map(({ destination, to }) => `${to} for ${destination}`).join(', ')}; name other destinations, or delete them`;
