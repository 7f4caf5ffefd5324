import { expect, test } from 'vitest';
import { validate } from '#crds/validate.ts';
import type { DestinationPolicy } from '#crds/kinds/destination-policy.ts';
import { laneName } from '../queue/queue.ts';
import { Destinations } from './destination.ts';
import type { Plan } from './plan.ts';
import { Plans } from './plans.ts';

const DEFAULTS = {
  expireAfterSeconds: 259_200,
  retry: { firstSeconds: 900, factor: 2, maxSeconds: 14_400 },
  tls: 'Opportunistic',
  tlsMinVersion: 'TLSv1.2',
  onInDoubt: 'Retry',
} as const;

function policy(name: string, spec: object): DestinationPolicy {
  const document = { apiVersion: 'postfleet.io/v1alpha1', kind: 'DestinationPolicy', metadata: { name } };
  const validation = validate({ ...document, spec: { clusterRef: { name: 'local' }, ...spec } });
  if (validation.kind !== 'valid' || validation.resource.kind !== 'DestinationPolicy') throw new Error('not a policy');
  return validation.resource;
}

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  'a.test': ['mx.test'],
  'b.test': ['mx.test'],
  'gmail.com': ['gmail-smtp-in.l.google.com'],
};

const plansWith = (...policies: readonly DestinationPolicy[]): Plans =>
  new Plans({
    destinations: () => new Destinations(policies, DEFAULTS, new Map()),
    whereabouts: { of: (domain) => HOSTS[domain] ?? Promise.resolve(), last: () => [] },
  });

function planOf(plans: Plans, domain: string, over: { pool?: string; from?: string } = {}): Plan {
  const plan = plans.of(laneName({ tenant: 'default', pool: 'default/main', domain, ...over }));
  if (plan instanceof Promise) throw new Error('not known yet');
  return plan;
}

test('lanes to the same hosts share a ready queue and limits, whatever their domains', () => {
  const plans = plansWith();
  expect(planOf(plans, 'a.test')).toEqual(planOf(plans, 'b.test'));
});

test('lanes of different pools share limits but no connection, and so do those for one address', () => {
  const plans = plansWith();
  const all = [{}, { pool: 'default/other' }, { from: 'one' }].map((over) => planOf(plans, 'a.test', over));
  expect(new Set(all.map((it) => it.ready)).size).toBe(3);
  expect(all.map((it) => it.slots)).toEqual(all.map(() => [{ name: 'site mx.test', most: 10 }]));
  expect(all[2]?.towards.from).toBe('one');
});

test('where mail goes is waited for, unless a policy routes it', () => {
  const routed = policy('routed', { match: { domains: ['new.test'] }, routes: [{ host: 'relay.test' }] });
  const lane = laneName({ tenant: 'default', pool: 'default/main', domain: 'new.test' });
  expect(plansWith().of(lane)).toBeInstanceOf(Promise);
  expect(plansWith(routed).of(lane)).toMatchObject({ site: 'relay.test:25' });
});

test('limits of a provider are claims beside those of the site', () => {
  const rate = { count: 100, perSeconds: 60 };
  const google = policy('google', {
    match: { provider: 'google' },
    limits: { connections: 4, connectionsPerSource: 2, rate, connectionRate: rate },
  });
  const plan = planOf(plansWith(google), 'gmail.com');
  expect(plan.connections).toBe(4);
  expect(plan.slots.map((it) => it.name)).toEqual(['site gmail-smtp-in.l.google.com', 'provider google']);
  expect(plan.rates).toEqual([{ kind: 'rate', name: 'provider google', rate }]);
  expect(plan.openings).toEqual([{ kind: 'rate', name: 'connections to provider google', rate }]);
  expect(plan.towards).toMatchObject({ provider: 'google', connectionsPerSource: 2 });
});

test('mail on its way keeps its rules while it is asked anew where its domain’s mail goes', () => {
  const google = policy('google', { match: { provider: 'google' }, tls: 'Required', onInDoubt: 'Hold' });
  const plans = new Plans({
    destinations: () => new Destinations([google], DEFAULTS, new Map()),
    whereabouts: { of: () => Promise.resolve(), last: () => ['gmail-smtp-in.l.google.com'] },
  });
  expect(plans.destination('company.test')).toMatchObject({ provider: 'google', tls: 'Required', onInDoubt: 'Hold' });
});
