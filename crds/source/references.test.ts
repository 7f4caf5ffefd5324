import { describe, expect, it } from 'vitest';
import type { AnyResource } from '../kinds.ts';
import { sample } from '../sample.ts';
import { validate } from '../validate.ts';
import { findMismatches } from './references.ts';

function resource(document: object): AnyResource {
  const validated = validate(document);
  if (validated.kind === 'invalid') throw new Error(JSON.stringify(validated.problems));
  return validated.resource;
}

const found = (...documents: readonly object[]): string[] =>
  findMismatches(documents.map(resource)).map(({ path, problem }) => `${path} ${problem}`);

const elsewhere = { clusterRef: { name: 'local', namespace: 'default' } };
const inTeam = { namespace: 'team' };

describe('a reference', () => {
  it.each([
    [
      'of a pool to a cluster',
      sample('IPPool'),
      'spec.clusterRef must name a declared MTACluster: there is no default/local',
    ],
    [
      'of a policy, which is always in its own namespace',
      sample('DestinationPolicy', {}, inTeam),
      'spec.clusterRef must name a declared MTACluster: there is no team/local',
    ],
    [
      'of a credential to a cluster',
      sample('SendingCredential', elsewhere, inTeam),
      'spec.clusterRef must name a declared MTACluster: there is no default/local',
    ],
    [
      'of a domain to a pool',
      sample('SendingDomain'),
      'spec.poolRef must name a declared IPPool: there is no default/main',
    ],
  ])('%s must be to something declared', (_, document, problem) => {
    expect(found(document)).toEqual([problem]);
  });

  it('of a pool to its overflow and of a credential to its domains must be to something declared', () => {
    const pool = sample('IPPool', { overflowPoolRef: { name: 'warm' } });
    const credential = sample('SendingCredential', { domainRefs: [{ name: 'example.com' }, { name: 'other' }] });
    expect(found(sample('MTACluster'), pool, sample('SendingDomain'), credential)).toEqual([
      'spec.overflowPoolRef must name a declared IPPool: there is no default/warm',
      'spec.domainRefs[1] must name a declared SendingDomain: there is no default/other',
    ]);
  });
});

const select = (selector: object) => ({ from: 'Selector', selector });
const named = (operator: string, ...values: string[]) =>
  select({
    matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator, ...(values.length > 0 && { values }) }],
  });

describe('a reference to another namespace', () => {
  it.each<[unknown, boolean]>([
    [{}, false],
    [{ from: 'Same' }, false],
    [{ from: 'All' }, true],
    [select({}), true],
    [select({ matchLabels: { 'kubernetes.io/metadata.name': 'team' } }), true],
    [select({ matchLabels: { 'kubernetes.io/metadata.name': 'other' } }), false],
    [select({ matchLabels: { trusted: 'yes' } }), false],
    [named('In', 'a', 'team'), true],
    [named('In', 'a'), false],
    [named('NotIn', 'team'), false],
    [named('NotIn', 'a'), true],
    [named('Exists'), true],
    [named('DoesNotExist'), false],
  ])('with the grant %j is granted: %s', (namespaces, isGranted) => {
    const problems = found(sample('MTACluster', { namespaces }), sample('SendingCredential', elsewhere, inTeam));
    const refusal =
      'spec.clusterRef must not name MTACluster default/local: its spec.namespaces does not grant namespace team';
    expect(problems).toEqual(isGranted ? [] : [refusal]);
  });
});

describe('several claims to a domain', () => {
  const pool = sample('IPPool', { namespaces: { from: 'All' } });
  const ours = (spec: object = {}, name = 'example.com') => sample('SendingDomain', spec, { name });
  const theirs = (spec: object = {}) =>
    sample('SendingDomain', { poolRef: { name: 'main', namespace: 'default' }, ...spec }, inTeam);

  it('are for DNS to decide when they are of several namespaces', () => {
    expect(found(sample('MTACluster'), pool, ours(), theirs())).toEqual([]);
  });

  it('of one namespace are a mistake', () => {
    expect(found(sample('MTACluster'), pool, ours(), ours({}, 'again'))).toEqual([
      'spec.domain must be declared once: SendingDomain default/example.com has it already',
    ]);
  });

  it('need proof, each of them', () => {
    const skip = { verification: 'Skip' };
    expect(found(sample('MTACluster'), pool, ours(skip), theirs(skip))).toEqual([
      'spec.verification must be Required: SendingDomain team/example.com claims the domain too',
      'spec.verification must be Required: SendingDomain default/example.com claims the domain too',
    ]);
  });
});
