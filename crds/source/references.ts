/**
 * What shows only when all resources are seen together: duplicates, references, grants, two claims to one domain.
 *
 * Pure. For a folder, where the whole world is one text and a mistake can be refused at once; in a cluster resources
 * come and go in any order, and the same findings are conditions in their status.
 */
import type { AnyResource } from '../kinds.ts';
import type { Problem } from '../problem.ts';
import type { Grant, GrantedRef, LabelSelector } from '../parts.ts';
import { keyOf } from '../resource.ts';
import { type Resources, gather } from './resources.ts';

/** A problem of one resource. */
export interface Finding extends Problem {
  readonly resource: AnyResource;
}

/** Everything that does not fit together, in the order of the resources. */
export function findMismatches(all: readonly AnyResource[]): Finding[] {
  const world = gather(all);
  const byName = new Map<string, AnyResource>();
  const byDomain = new Map<string, AnyResource>();
  const findings: Finding[] = [];
  for (const resource of all) {
    const problems = [
      ...taken(byName, `${resource.kind} ${keyOf(resource.metadata)}`, resource, 'metadata.name'),
      ...(resource.kind === 'SendingDomain' ? claimProblems(world, byDomain, resource) : []),
      ...(resource.kind === 'MTACluster' && resource !== world.clusters[0] ? [anotherCluster(world)] : []),
      ...referenceProblems(world, resource),
    ];
    for (const { path, problem } of problems) findings.push({ resource, path, problem });
  }
  return findings;
}

/** Of several namespaces that claim a domain DNS decides, so that each must prove it. */
function claimProblems(
  world: Resources,
  owners: Map<string, AnyResource>,
  domain: Resources['domains'][number],
): Problem[] {
  const { metadata, spec } = domain;
  const other = world.claimsTo(spec.domain).find((it) => it.metadata.namespace !== metadata.namespace);
  const excused: Problem[] =
    other && spec.verification === 'Skip'
      ? [
          {
            path: 'spec.verification',
            problem: `must be Required: SendingDomain ${keyOf(other.metadata)} claims the domain too`,
          },
        ]
      : [];
  return [...taken(owners, `${metadata.namespace} ${spec.domain}`, domain, 'spec.domain'), ...excused];
}

function taken(owners: Map<string, AnyResource>, name: string, resource: AnyResource, path: string): Problem[] {
  const owner = owners.get(name);
  if (!owner) owners.set(name, resource);
  return owner
    ? [{ path, problem: `must be declared once: ${owner.kind} ${keyOf(owner.metadata)} has it already` }]
    : [];
}

const anotherCluster = (world: Resources): Problem => ({
  path: 'kind',
  problem: `must not be a second MTACluster beside ${world.clusters.map(({ metadata }) => keyOf(metadata)).join(' and ')}`,
});

function referenceProblems(world: Resources, resource: AnyResource): Problem[] {
  const own = resource.metadata.namespace;
  if (resource.kind === 'MTACluster') return [];
  if (resource.kind === 'SendingDomain')
    return granted('spec.poolRef', 'IPPool', own, resource.spec.poolRef, (key) => world.pool(key));
  const problems = granted('spec.clusterRef', 'MTACluster', own, resource.spec.clusterRef, (key) => world.cluster(key));
  if (resource.kind === 'IPPool') problems.push(...overflowProblems(world, resource));
  if (resource.kind === 'SendingCredential' || resource.kind === 'EventSink')
    problems.push(...domainProblems(world, resource));
  return problems;
}

function overflowProblems(world: Resources, { metadata, spec }: Resources['pools'][number]): Problem[] {
  if (!spec.overflowPoolRef) return [];
  const key = keyOf({ namespace: metadata.namespace, name: spec.overflowPoolRef.name });
  return world.pool(key) ? [] : [absent('spec.overflowPoolRef', 'IPPool', key)];
}

function domainProblems(
  world: Resources,
  { metadata, spec }: Resources['credentials'][number] | Resources['sinks'][number],
): Problem[] {
  return (spec.domainRefs ?? []).flatMap(({ name }, at) => {
    const key = keyOf({ namespace: metadata.namespace, name });
    return world.domain(key) ? [] : [absent(`spec.domainRefs[${at}]`, 'SendingDomain', key)];
  });
}

function granted(
  path: string,
  kind: string,
  own: string,
  ref: GrantedRef,
  find: (key: string) => { readonly spec: { readonly namespaces: Grant } } | undefined,
): Problem[] {
  const namespace = ref.namespace ?? own;
  const key = keyOf({ namespace, name: ref.name });
  const target = find(key);
  if (!target) return [absent(path, kind, key)];
  if (namespace === own || isGranted(target.spec.namespaces, own)) return [];
  return [{ path, problem: `must not name ${kind} ${key}: its spec.namespaces does not grant namespace ${own}` }];
}

const absent = (path: string, kind: string, key: string): Problem => ({
  path,
  problem: `must name a declared ${kind}: there is no ${key}`,
});

/** Whether a grant covers a namespace; in a folder only its name is known. */
export function isGranted(grant: Grant, namespace: string, labels: Readonly<Record<string, string>> = {}): boolean {
  if (grant.from !== 'Selector') return grant.from === 'All';
  // Kubernetes gives every namespace this label.
  return selects(grant.selector ?? {}, { ...labels, 'kubernetes.io/metadata.name': namespace });
}

function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const matches = Object.entries(selector.matchLabels ?? {}).every(([label, value]) => labels[label] === value);
  return matches && (selector.matchExpressions ?? []).every((expression) => expressionHolds(expression, labels));
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

const expressionHolds = ({ key, operator, values }: Expression, labels: Readonly<Record<string, string>>): boolean =>
  OPERATORS[operator](labels[key], values ?? []);

const OPERATORS: Readonly<
  Record<Expression['operator'], (value: string | undefined, values: readonly string[]) => boolean>
> = {
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
};
