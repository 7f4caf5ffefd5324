/**
 * Targets in turn until one gives a session; when none does, which of the failures to tell.
 *
 * Where a session must offer something, targets that are known not to are passed over, and those that turn out not to
 * are left at once. So whether a host offers it is found out once in a while, however much mail needs it.
 *
 * Left to others: pooling, when to dial again, punishing a source or site.
 */
import { strict as assert } from 'node:assert';
import { type Duration, minutes } from '#lib/run/clock.ts';
import { isTransient } from '../mail/reply.ts';
import { type Approach, connect, type ConnectFailure, type ConnectSetup, isConnectFailure } from './connect.ts';
import type { ConnectStage } from './greet.ts';
import type { Session } from './session.ts';
import { hostAndPort, type Target } from './target.ts';

export type Dialled =
  | { readonly kind: 'session'; readonly session: Session; readonly failures: readonly ConnectFailure[] }
  | { readonly kind: 'unreachable'; readonly report: ConnectFailure; readonly failures: readonly ConnectFailure[] };

/** What some mail cannot do without. */
export type Need = 'SMTPUTF8';

/** Every target has said what it offers, and what is needed is not among it. */
interface Unoffered {
  readonly kind: 'unoffered';
}

/** No further target is begun after this: a tarpit on every address holds a connection for minutes, not hours. */
const BUDGET: Duration = minutes(5);

/** The first session; `failures` are those of the targets before it, in order. At least one target. */
export async function dial(targets: readonly Target[], approach: Approach, setup: ConnectSetup): Promise<Dialled> {
  return dialledOf(await reach(targets, approach, setup, () => true));
}

/** The first session with a host that offers what is needed. */
export async function dialFor(
  need: Need,
  targets: readonly Target[],
  approach: Approach,
  setup: ConnectSetup,
): Promise<Dialled | Unoffered> {
  const unknown = targets.filter((target) => !setup.lacks.has(hostAndPort(target), need));
  const reached = await reach(unknown, approach, setup, (session) => session.capabilities.smtpUtf8);
  return reached.session || reached.failures.length > 0 ? dialledOf(reached) : { kind: 'unoffered' };
}

interface Reached {
  readonly session?: Session;
  readonly failures: readonly ConnectFailure[];
}

const dialledOf = ({ session, failures }: Reached): Dialled =>
  session ? { kind: 'session', session, failures } : { kind: 'unreachable', report: mostTelling(failures), failures };

async function reach(
  targets: readonly Target[],
  approach: Approach,
  setup: ConnectSetup,
  suits: (session: Session) => boolean,
): Promise<Reached> {
  const failures: ConnectFailure[] = [];
  const end = setup.clock.monotonic() + BUDGET;
  for (const target of targets) {
    if (failures.length > 0 && setup.clock.monotonic() > end) break;
    const connection = await connect(target, approach, setup);
    if (isConnectFailure(connection)) failures.push(connection);
    else if (suits(connection)) return { session: connection, failures };
    else await connection.quit();
  }
  return { failures };
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
