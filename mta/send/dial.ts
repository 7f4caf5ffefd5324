/**
 * Targets in turn until one gives a session; when none does, which of the failures to tell.
 *
 * Left to others: pooling, when to dial again, punishing a source or site.
 */
import { strict as assert } from 'node:assert';
import { type Duration, minutes } from '#lib/run/clock.ts';
import { isTransient } from '../reply.ts';
import { type Approach, connect, type ConnectFailure, type ConnectSetup, isConnectFailure } from './connect.ts';
import type { ConnectStage } from './greet.ts';
import type { Session } from './session.ts';
import type { Target } from './target.ts';

export type Dialled =
  | { readonly kind: 'session'; readonly session: Session; readonly failures: readonly ConnectFailure[] }
  | { readonly kind: 'unreachable'; readonly report: ConnectFailure; readonly failures: readonly ConnectFailure[] };

/** No further target is begun after this: a tarpit on every address holds a connection for minutes, not hours. */
const BUDGET: Duration = minutes(5);

/** The first session; `failures` are those of the targets before it, in order. At least one target. */
export async function dial(targets: readonly Target[], approach: Approach, setup: ConnectSetup): Promise<Dialled> {
  const failures: ConnectFailure[] = [];
  const end = setup.clock.monotonic() + BUDGET;
  for (const target of targets) {
    if (failures.length > 0 && setup.clock.monotonic() > end) break;
    const connection = await connect(target, approach, setup);
    if (!isConnectFailure(connection)) return { kind: 'session', session: connection, failures };
    failures.push(connection);
  }
  return { kind: 'unreachable', report: mostTelling(failures), failures };
}

const FARTHEST: readonly ConnectStage[] = ['bind', 'connect', 'banner', 'ehlo', 'tls'];

/**
 * A refusal for good only counts when every target refuses for good. Else: the peer's own words before ours, then who
 * got farthest, then the most preferred target.
 */
export function mostTelling(failures: readonly ConnectFailure[]): ConnectFailure {
  const transient = failures.filter((failure) => isTransient(failure.reply));
  const candidates = transient.length > 0 ? transient : failures;
  const rank = (it: ConnectFailure): number => (it.own ? 0 : FARTHEST.length) + FARTHEST.indexOf(it.stage);
  const [best] = candidates.toSorted((a, b) => rank(b) - rank(a));
  assert(best, 'dialling needs a target');
  return best;
}
