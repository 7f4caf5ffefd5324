/**
 * Whether mail under a plan would go now, and the state of everything that has a say: for people.
 *
 * Asks the same questions in the same order as sending does, and gives back what it is granted.
 */
import type { LimitState, Outlook } from '../mail/explanation.ts';
import type { Claim, Limits } from './limits/limits.ts';
import { giveBackPermit, permitFor, type PermitParts } from './permit.ts';
import type { Plan } from './plan.ts';
import type { Sources } from './source.ts';

export interface OutlookParts extends PermitParts {
  readonly sources: Pick<Sources, 'choose' | 'members'>;
}

/** Asked for at once, to see how much room there is. */
const MOST_ROOM = 1000;

export function outlookOf(plan: Plan, parts: OutlookParts): Outlook {
  const { rests, sources, limits } = parts;
  const trouble = rests.troubleOf(plan.site);
  return {
    site: plan.site,
    ...verdictOf(plan, parts),
    ...(trouble !== undefined && { trouble }),
    sources: sources.members(plan.towards),
    limits: limitsOf(plan, limits),
  };
}

function verdictOf(plan: Plan, parts: OutlookParts): Pick<Outlook, 'from' | 'why' | 'wait'> {
  const permit = permitFor(plan, 1, parts);
  if (permit.kind === 'later') return { why: permit.why, ...(permit.wait !== undefined && { wait: permit.wait }) };
  giveBackPermit(permit, plan, parts.limits);
  return { from: permit.from.source.name };
}

function limitsOf({ slots, openings, rates }: Plan, limits: Limits): LimitState[] {
  const connections = slots.map(
    ({ name, most }) => ({ kind: 'connections', name, most, used: limits.used(name) }) as const,
  );
  return [...connections, ...[...openings, ...rates].flatMap((it) => rateOf(it, limits))];
}

function rateOf(claim: Claim, limits: Limits): LimitState[] {
  if (claim.kind !== 'rate') return [];
  const { granted, wait } = limits.room(claim, MOST_ROOM);
  return [{ kind: 'rate', name: claim.name, ...claim.rate, room: granted, wait: granted > 0 ? 0 : wait }];
}
