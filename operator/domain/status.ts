/**
 * What is said of a `SendingDomain`: its pool, its keys, every record with the exact difference, and what is to be done. Pure.
 */
import type { RecordReport } from '#lib/domain/records.ts';
import { conditionsAfter, type Finding, type Progress, summary } from '../controller/condition.ts';
import { conditionsOf, type Status } from '../controller/status.ts';
import type { KeptKey } from './key-secret.ts';
import type { DomainView } from './plan.ts';
import type { Route } from './pool.ts';

export interface Said {
  readonly route: Route;
  readonly keys: readonly KeptKey[];
  readonly records: readonly RecordReport[];
  /** What was asked for and cannot be done, a sentence each. */
  readonly problems: readonly string[];
}

export function domainStatus(view: DomainView, said: Said): Status {
  const { observed, now } = view;
  const generation = observed.metadata.generation ?? 0;
  const found = findings(view, said);
  return {
    observedGeneration: generation,
    conditions: conditionsAfter(conditionsOf(observed), found, { generation, now }),
    ...(said.route.kind === 'granted' && { pool: placeOf(said.route.pool) }),
    activeSelectors: said.keys.filter(({ phase }) => phase === 'Active').map(({ selector }) => selector),
    records: said.records,
    keys: said.keys.map(({ selector, algorithm, revision, secret, phase, since }) => ({
      selector,
      algorithm,
      revision,
      secretName: secret.metadata.name,
      phase,
      since: new Date(since).toISOString(),
    })),
  };
}

const placeOf = ({ metadata: { namespace, name } }: { metadata: { namespace: string; name: string } }): object => ({
  namespace,
  name,
});

/** What a look found, or that nobody has looked. */
const PARTS = ['Verified', 'DKIMReady', 'SPFReady', 'DMARCReady', 'ReturnPathReady'] as const;
const notAsked = (type: string): Finding => ({
  type,
  status: 'Unknown',
  reason: 'NotAsked',
  message: 'DNS has not been asked yet',
});

function findings(view: DomainView, said: Said): Finding[] {
  // Who has just begun knows what was said before, and says it until DNS has been asked.
  const looked = view.look?.conditions ?? conditionsOf(view.observed);
  const parts = PARTS.map((type): Finding => looked.find((it) => it.type === type) ?? notAsked(type));
  return [...summary(progressOf(view, parts, said)), accepted(said.route), ...parts];
}

const accepted = (route: Route): Finding =>
  route.kind === 'granted'
    ? { type: 'PoolAccepted', status: 'True', reason: 'Granted', message: '' }
    : { type: 'PoolAccepted', status: 'False', reason: route.reason, message: route.message };

function progressOf({ domain }: DomainView, parts: readonly Finding[], { route, problems, records }: Said): Progress {
  if (problems.length > 0) return { kind: 'stalled', reason: 'NotCarriedOut', message: problems.join('; ') };
  if (route.kind === 'refused') return { kind: 'stalled', reason: route.reason, message: route.message };
  if (domain.spec.suspend) return { kind: 'resting', reason: 'Suspended', message: SUSPENDED };
  const worst = parts.find(({ status }) => status === 'False') ?? parts.find(({ status }) => status === 'Unknown');
  if (!worst) return { kind: 'ready' };
  const { type, reason, message } = worst;
  if (reason === 'DomainClaimed') return { kind: 'stalled', reason, message: CLAIMED };
  return {
    kind: 'waiting',
    reason: 'DNSPending',
    message: message === '' ? `${type}: ${reason}${toDo(records)}` : message,
  };
}

const MOST_NAMED = 3;

/** Which records are to be published, where a part says no more than that it is not well. */
function toDo(records: readonly RecordReport[]): string {
  const missing = records.filter(({ state }) => state !== 'Present').map(({ type, name }) => `${type} ${name}`);
  if (missing.length === 0) return '';
  const more = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  return `; publish ${missing.slice(0, MOST_NAMED).join(', ')}${more}, as status.records says`;
}

const SUSPENDED = 'spec.suspend is true: nothing new is taken, and what is queued is still delivered';
const CLAIMED =
  'another SendingDomain was verified for this domain before: publish nothing of its keys, or delete one of them';
