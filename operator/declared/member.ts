/**
 * How a member of an `IPPool` is: whether mail leaves from its address, and if not, why and what to do. Pure.
 *
 * The first that holds: suspended; on no node; unfit, by its name in DNS or by a blocklist; warming up; available. What DNS could not
 * say, or has not been asked since a start, stays as it was said before. The names of private addresses are told and never judged:
 * receivers see another address.
 */
import { type IPPool, warmUpDays } from '#crds/kinds/ip-pool.ts';
import type { Listing } from '#lib/dns/blocklist.ts';
import { matchesNetwork } from '#lib/dns/private-address.ts';
import type { Reverse } from '#lib/dns/reverse.ts';
import { type Duration, hours, type Instant } from '#lib/run/clock.ts';
import type { Answers } from './address-looks.ts';
import { listQuestion } from './dns-looks.ts';
import type { Holder, Holders } from './holders.ts';
import { isWrongName, memberReverse, type ReverseSaid } from './reverse.ts';

type Member = IPPool['spec']['members'][number];

export interface MemberSaid extends ReverseSaid {
  readonly name: string;
  readonly state: 'Available' | 'WarmingUp' | 'Suspended' | 'Unplumbed' | 'Unhealthy';
  readonly until?: string;
  readonly warmupDay?: number;
  readonly node?: string;
  readonly endpoint?: string;
  readonly listedOn?: readonly string[];
}

export interface MemberView {
  readonly health: IPPool['spec']['health'];
  /** What was said of it last. */
  readonly before: MemberSaid | undefined;
  /** Undefined before anybody has looked. */
  readonly reverses: Answers<Reverse> | undefined;
  readonly listings: Answers<Listing> | undefined;
  /** Undefined where no proxies of nodes are. */
  readonly holders: Holders | undefined;
  readonly now: Instant;
}

export const DAY: Duration = hours(24);

const SUSPENDED = { state: 'Suspended', reason: 'Suspended', message: 'suspend is true: set it to false' } as const;

export function memberSaid(member: Member, view: MemberView): MemberSaid {
  const reverse = reverseNow(member, view);
  const listedOn = listedNow(member, view);
  const { name } = member;
  const holder = holderOf(member, view);
  const facts = { name, ...reverse, ...(listedOn.length > 0 && { listedOn }), ...holder };
  if (member.suspend) return { ...facts, ...SUSPENDED };
  if (member.egress === 'Node' && !holder) return { ...facts, ...unplumbed(member, view.holders) };
  const unfit = unfitness(member, view, reverse, listedOn);
  if (unfit) return { ...facts, state: 'Unhealthy', ...unfit };
  return { ...facts, ...warmthOf(member, view.now) };
}

/** Whether mail leaves from it. */
export const isUsed = ({ state }: MemberSaid): boolean => state === 'Available' || state === 'WarmingUp';

function reverseNow(member: Member, { reverses, before }: MemberView): ReverseSaid {
  if (reverses) return memberReverse(member, reverses.get(member.address));
  const { ptr, reason, message } = before ?? {};
  const isAboutName = reason === 'EHLODiffers' || isWrongName(reason);
  return {
    ...(ptr !== undefined && { ptr }),
    ...(isAboutName && { reason, ...(message !== undefined && { message }) }),
  };
}

/** Of lists that are still asked. */
function listedNow({ address }: Member, { health: { dnsbls }, listings, before }: MemberView): readonly string[] {
  if (!listings) return (before?.listedOn ?? []).filter((it) => dnsbls.includes(it));
  return dnsbls.filter((it) => listings.get(listQuestion(it, address))?.kind === 'listed');
}

/** Of several the one that was said before, so that mail does not go to and fro. */
function holderOf({ egress, address }: Member, { holders, before }: MemberView): Holder | undefined {
  const all = egress === 'Node' ? (holders?.get(address) ?? []) : [];
  return all.find(({ node }) => node === before?.node) ?? all[0];
}

const unplumbed = ({ address }: Member, holders: Holders | undefined) =>
  ({
    state: 'Unplumbed',
    ...(holders
      ? {
          reason: 'NotOnANode',
          message: `no node with a ready egress proxy holds ${address}: add it to one, such as by ip address add`,
        }
      : {
          reason: 'NoEgressProxies',
          message: 'egress is Node, and no egress proxies are installed: set egress.enabled in the chart',
        }),
  }) as const;

function unfitness(
  { address }: Member,
  { health }: MemberView,
  { reason, message }: ReverseSaid,
  listedOn: readonly string[],
): { readonly reason: string; readonly message: string } | undefined {
  if (listedOn.length > 0) {
    const lists = listedOn.join(', ');
    return {
      reason: 'Listed',
      message: `${address} is on ${lists}: find what was sent from it, then ask to be taken off`,
    };
  }
  const counts = health.requireFCrDNS === 'Enforce' && isWrongName(reason) && !isBehindOthers(address);
  return counts ? { reason: reason ?? '', message: message ?? '' } : undefined;
}

/** Addresses of networks of one's own: what receivers see is another's. */
const OWN_NETWORKS = [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
];
const OWN_NETWORKS_6 = ['::1/128', 'fc00::/7', 'fe80::/10'];

const isBehindOthers = (address: string): boolean =>
  [...OWN_NETWORKS, ...OWN_NETWORKS_6].some((it) => matchesNetwork(address, it));

function warmthOf({ warmup }: Member, now: Instant): Pick<MemberSaid, 'state' | 'until' | 'warmupDay'> {
  const began = warmup ? Date.parse(warmup.startDate) : 0;
  const ends = warmup ? began + warmUpDays(warmup) * DAY : 0;
  if (now >= ends) return { state: 'Available' };
  // `metav1.Time` has whole seconds.
  const until = new Date(ends).toISOString().replace('.000Z', 'Z');
  return { state: 'WarmingUp', until, warmupDay: Math.max(0, Math.floor((now - began) / DAY) + 1) };
}
