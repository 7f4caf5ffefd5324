/**
 * The world that is declared to every simulated machine: sites, their domains and limits, tenants, and DNS.
 */
import { sample } from '#crds/sample.ts';
import type { Resources } from '#crds/source/resources.ts';
import { worldWith } from '../harness/world.ts';
import type { Table } from '../harness/fake-dns.ts';

export interface Site {
  readonly name: string;
  readonly address: string;
  readonly domains: readonly string[];
  /** Connections at once. */
  readonly connections: number;
  /** Messages a second, and at once after a pause; absent: as many as come. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  readonly onInDoubt?: 'Retry' | 'Hold' | 'AssumeDelivered';
}

export const SITES: readonly Site[] = [
  { name: 'mx.wide.test', address: '10.0.0.1', domains: ['wide.test', 'broad.test'], connections: 6 },
  { name: 'mx.narrow.test', address: '10.0.0.2', domains: ['narrow.test'], connections: 2 },
  {
    name: 'mx.paced.test',
    address: '10.0.0.3',
    domains: ['paced.test'],
    connections: 3,
    rate: { perSecond: 2, burst: 10 },
  },
  { name: 'mx.once.test', address: '10.0.0.4', domains: ['once.test'], connections: 3, onInDoubt: 'AssumeDelivered' },
  { name: 'mx.held.test', address: '10.0.0.5', domains: ['held.test'], connections: 3, onInDoubt: 'Hold' },
  { name: 'mx.home.test', address: '10.0.0.6', domains: ['home.test'], connections: 5 },
];

/** Where whoever sends has their mailbox: reports come here. */
export const HOME = 'home.test';
export const TENANTS = ['ant', 'bee', 'cat'] as const;
export const POOL = 'default/ways';

/** How long mail is tried at most: short, so that a run of hours sees its end. */
const LIFE_SECONDS = 3600;

export const siteOf = (domain: string): Site | undefined => SITES.find((it) => it.domains.includes(domain));
export const siteAt = (address: string): Site | undefined => SITES.find((it) => it.address === address);

export const DNS: Table = Object.fromEntries(
  SITES.flatMap(({ name, address, domains }) => [
    ...domains.map((domain) => [`${domain} MX`, [`10 ${name}`]] as const),
    [`${name} A`, [address]] as const,
  ]),
);

const policyOf = ({ name, domains, connections, rate, onInDoubt }: Site): object =>
  sample(
    'DestinationPolicy',
    {
      match: { domains },
      limits: {
        connections,
        messagesPerConnection: 40,
        ...(rate && { rate: { count: rate.perSecond * 60, perSeconds: 60, burst: rate.burst } }),
      },
      ...(onInDoubt && { onInDoubt }),
    },
    { name: name.replaceAll('.', '-') },
  );

const ADDRESSES = ['192.0.2.1', '192.0.2.2'];

const pool = sample(
  'IPPool',
  {
    namespaces: { from: 'All' },
    members: ADDRESSES.map((address, at) => ({ name: `way${at}`, address, egress: 'Local' })),
  },
  { name: 'ways' },
);

let declared: Resources | undefined;

/** Read once: reading takes longer than some runs. */
export function theResources(): Resources {
  const retry = { firstSeconds: 120, factor: 2, maxSeconds: 900 };
  declared ??= worldWith(
    {
      dns: { allowPrivate: ['10.0.0.0/8'] },
      defaults: { tls: 'None', expireAfterSeconds: LIFE_SECONDS, retry },
    },
    pool,
    ...SITES.map(policyOf),
  );
  return declared;
}
