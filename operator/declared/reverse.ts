/**
 * What is said of the names of a pool's addresses: of each member, and of all. Pure.
 */
import type { IPPool } from '#crds/kinds/ip-pool.ts';
import type { Reverse } from '#lib/dns/reverse.ts';
import type { Finding } from '../controller/condition.ts';
import type { Answers } from './address-looks.ts';

export interface ReverseSaid {
  readonly ptr?: string;
  readonly reason?: string;
  readonly message?: string;
}

type Member = IPPool['spec']['members'][number];

/** `reverse` undefined: it was not looked at. */
export function memberReverse({ address, ehloName }: Member, reverse: Reverse | undefined): ReverseSaid {
  if (!reverse || reverse.kind === 'unknown') return {};
  if (reverse.kind === 'nameless') {
    const name = ehloName ?? 'a name of yours';
    return { reason: 'NoReverseName', message: `${address} has no name: let ${name} be its PTR record` };
  }
  const { kind, name: ptr } = reverse;
  if (kind === 'unconfirmed')
    return { ptr, reason: 'ReverseDiffers', message: `${ptr} does not have ${address}: add it to that name` };
  if (ehloName === undefined || ehloName === ptr) return { ptr };
  const message = `EHLO says ${ehloName}, and ${address} is ${ptr}: let both be one name`;
  return { ptr, reason: 'EHLODiffers', message };
}

/** Whether a reason is that receivers would see no name that leads back. */
export const isWrongName = (reason: string | undefined): reason is string =>
  reason === 'NoReverseName' || reason === 'ReverseDiffers';

const MOST_NAMED = 3;

/** Of all members that mail may leave from; `found` undefined: nobody has looked yet. */
export function reverseFinding({ spec: { members } }: IPPool, found: Answers<Reverse> | undefined): Finding {
  const type = 'ReverseDNSReady';
  const used = members.filter(({ suspend }) => !suspend);
  const reverses = used.map((member) => ({ member, reverse: found?.get(member.address) }));
  const wrong = reverses.filter(({ reverse }) => reverse?.kind === 'nameless' || reverse?.kind === 'unconfirmed');
  if (wrong.length > 0) {
    const named = wrong
      .slice(0, MOST_NAMED)
      .flatMap(({ member, reverse }) => memberReverse(member, reverse).message ?? []);
    const more = wrong.length > MOST_NAMED ? [`and ${wrong.length - MOST_NAMED} more`] : [];
    const message = [...named, ...more, 'large receivers refuse mail from such addresses'].join('; ');
    return { type, status: 'False', reason: 'ReverseMissing', message };
  }
  const unsaid = reverses.find(({ reverse }) => reverse?.kind !== 'confirmed');
  if (!unsaid) return { type, status: 'True', reason: 'Confirmed', message: '' };
  const { member, reverse } = unsaid;
  if (reverse?.kind !== 'unknown')
    return { type, status: 'Unknown', reason: 'NotAsked', message: 'DNS has not been asked yet' };
  return {
    type,
    status: 'Unknown',
    reason: 'NotAnswered',
    message: `DNS did not answer for ${member.address}: ${reverse.reason}`,
  };
}
