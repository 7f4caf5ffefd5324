/**
 * `IPPool`: addresses that mail leaves from, how much of it each takes, and whose domains may use them.
 */
import { dnsLabel, domainName, ipAddress, serverUrl } from '../address.ts';
import { grant, grantedRef, secretRef, shortName, suspend } from '../parts.ts';
import { type Resource, document } from '../resource.ts';
import { type Infer, immutable, integer, list, listBy, object, oneOf, ruled } from '../schema.ts';
import { date } from '../time.ts';

const warmup = () =>
  ruled(
    object({
      startDate: date().describe('First day, in UTC.'),
      plan: oneOf('Standard', 'Careful', 'Custom').default('Standard').describe('How fast the daily limit grows.'),
      dailyLimits: list(integer(1, 1_000_000_000), 90, 1)
        .exactOptional()
        .describe('Messages on each day from the first, for `Custom`; without limit after the last.'),
    }),
    {
      cel: "(self.plan == 'Custom') == has(self.dailyLimits)",
      message: 'must have dailyLimits exactly when plan is Custom',
      holds: ({ plan, dailyLimits }) => (plan === 'Custom') === (dailyLimits !== undefined),
    },
  );

const member = () =>
  ruled(
    object({
      name: dnsLabel().describe('Name of the member.'),
      address: immutable(ipAddress()).describe('Address that connections leave from.'),
      ehloName: domainName()
        .exactOptional()
        .describe('Name given in EHLO; the name the address points back to when absent.'),
      weight: integer(0, 1000).default(100).describe('Share of the mail, against the other members; 0 takes none.'),
      suspend: suspend('Takes no new mail while true.'),
      egress: oneOf('Node', 'Local', 'Proxy')
        .default('Node')
        .describe(
          'Through the proxy of the node that holds the address, from this machine, or by a proxy of your own.',
        ),
      proxy: object({
        url: serverUrl('socks5', 'socks5s').describe('SOCKS5 proxy: socks5://proxy:1080; socks5s under TLS.'),
        authRef: secretRef().exactOptional().describe('`user:password` for the proxy.'),
      })
        .exactOptional()
        .describe('The proxy, for `Proxy`.'),
      warmup: warmup().exactOptional().describe('Limits for an address that is new to its receivers.'),
    }),
    {
      cel: "(self.egress == 'Proxy') == has(self.proxy)",
      message: 'must have proxy exactly when egress is Proxy',
      holds: ({ egress, proxy }) => (egress === 'Proxy') === (proxy !== undefined),
    },
  );

const members = () =>
  ruled(listBy('name', member(), 256, 1), {
    cel: 'self.all(a, self.exists_one(b, a.address == b.address))',
    message: 'must not use an address twice',
    holds: (all) => new Set(all.map(({ address }) => address)).size === all.length,
  });

const spec = object({
  clusterRef: immutable(grantedRef('MTACluster')).describe('The cluster that sends.'),
  namespaces: grant().prefault({ from: 'Same' }).describe('Namespaces whose domains may use this pool.'),
  members: members().describe('The addresses.'),
  overflowPoolRef: object({ name: shortName().describe('Name of the IPPool.') })
    .exactOptional()
    .describe('Pool that takes what is above the warm-up limits.'),
  spfName: domainName().exactOptional().describe("Host of the pool's SPF record, for `include:`."),
  health: object({
    requireFCrDNS: oneOf('Enforce', 'Warn')
      .default('Enforce')
      .describe('Whether a member whose name and address do not point at each other is taken out.'),
    dnsbls: list(domainName(), 16).default([]).describe('Blocklists to watch, such as zen.spamhaus.org.'),
  })
    .prefault({})
    .describe('When a member is fit to send.'),
});

export const ipPool = document('IPPool', 'short', spec);
type IPPoolSpec = Infer<typeof spec>;
export interface IPPool extends Resource<'IPPool', IPPoolSpec> {
  /** What the operator has found out of each member, by name; absent where nobody looks after processes. */
  readonly verdict?: Readonly<Record<string, MemberVerdict>>;
}

/** How a member is by what somebody else has seen, as far as it decides whether mail leaves from it, and by whom. */
export interface MemberVerdict {
  /** Why nothing may leave from it. */
  readonly bar?: string;
  /** The proxy of the node that holds the address: `socks5://10.0.0.5:1080`. */
  readonly endpoint?: string;
}

/** Days of the plans that are named, after which there is no limit. */
export const WARM_UP_DAYS = { Standard: 35, Careful: 60 } as const;

type WarmUp = NonNullable<IPPoolSpec['members'][number]['warmup']>;

export const warmUpDays = ({ plan, dailyLimits = [] }: WarmUp): number =>
  plan === 'Custom' ? dailyLimits.length : WARM_UP_DAYS[plan];
