/**
 * An `EventSink`: the Secret with what its deliveries need, and what is said of it. Pure.
 *
 * The Secret has the key that signs, made or taken from where the tenant keeps theirs, and further header fields. It belongs to the sink
 * and goes with it. Nothing is delivered yet.
 */
import type { EventSink } from '#crds/kinds/event-sink.ts';
import type { KubeObject } from '#lib/kube/kube.ts';
import { kubeKey } from '#lib/kube/kube.ts';
import { type Finding, summary } from '../controller/condition.ts';
import { isAsWanted } from '../controller/write.ts';
import type { ClusterRoute } from '../grants.ts';
import { ownerOf } from '../world.ts';
import { acceptedFinding } from './accepted.ts';
import { type SinkKeys, sinkKeysIn, sinkName, sinkSecret } from './sink-secret.ts';

/** What a reference names: its text, why it cannot be used, or that nothing is named. */
export type Chosen =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'problem'; readonly problem: string }
  | { readonly kind: 'none' };

export interface SinkView {
  readonly sink: EventSink;
  readonly observed: KubeObject;
  readonly route: ClusterRoute;
  /** The Secret of the name that it has, whoever made it. */
  readonly secret: KubeObject | undefined;
  readonly signing: Chosen;
  readonly headers: Chosen;
  /** For a Secret that is not there yet. */
  readonly newKey: string;
}

export interface SinkPlan {
  /** To be made, or written over what was read. */
  readonly write?: { readonly how: 'create' | 'replace'; readonly object: KubeObject };
  readonly findings: readonly Finding[];
  readonly fields: Readonly<Record<string, unknown>>;
}

export function planSink(view: SinkView): SinkPlan {
  const { sink, observed, route, secret, signing } = view;
  const problem = problemOf(view);
  const fields = signing.kind === 'none' && !problem ? { secretName: sinkName(sink) } : {};
  const findings = findingsOf(view, problem);
  if (problem) return { findings, fields };
  const object = sinkSecret(sink, observed.metadata.uid ?? '', keysOf(view));
  if (route.kind === 'refused') return { findings, fields: {} };
  if (!secret) return { write: { how: 'create', object }, findings, fields };
  if (isAsWanted(object['data'], secret['data']) && isAsWanted(secret['data'], object['data']))
    return { findings, fields };
  return { write: { how: 'replace', object: { ...secret, data: object['data'] } }, findings, fields };
}

function keysOf({ secret, signing, headers, newKey }: SinkView): SinkKeys {
  const before = secret && sinkKeysIn(secret);
  const made = before?.isMade ? before.signing : newKey;
  return {
    signing: signing.kind === 'text' ? signing.text.trim() : made,
    isMade: signing.kind !== 'text',
    headers: headers.kind === 'text' ? headers.text.trim() : '',
  };
}

interface Problem {
  readonly reason: string;
  readonly message: string;
}

function problemOf({ observed, route, secret, signing, headers }: SinkView): Problem | undefined {
  if (route.kind === 'refused') return route;
  if (secret && ownerOf(secret)?.uid !== observed.metadata.uid)
    return {
      reason: 'NameTaken',
      message: `Secret ${kubeKey(secret.metadata)} is not of this EventSink: remove it, or give the EventSink another name`,
    };
  if (signing.kind === 'problem') return { reason: 'SecretMissing', message: signing.problem };
  if (headers.kind === 'problem') return { reason: 'SecretMissing', message: headers.problem };
  if (signing.kind === 'text' && !isSigningKey(signing.text.trim()))
    return {
      reason: 'SecretInvalid',
      message: 'spec.webhook.signingRef must name whsec_ and 24 to 64 bytes in base64',
    };
  if (headers.kind === 'text' && !areHeaders(headers.text.trim())) return { reason: 'SecretInvalid', message: HEADERS };
  return undefined;
}

function findingsOf({ sink, route }: SinkView, problem: Problem | undefined): Finding[] {
  const suspended = { reason: 'Suspended', message: 'spec.suspend is true: nothing is told' };
  const { reason, message } = problem ?? (sink.spec.suspend ? suspended : { reason: 'NotDelivered', message: NOT_YET });
  const kind = problem || !sink.spec.suspend ? 'stalled' : 'resting';
  return [
    ...summary({ kind, reason, message }),
    acceptedFinding(route),
    { type: 'Delivering', status: 'False', reason, message },
  ];
}

const NOT_YET = 'this version delivers no webhooks: read events by the admin API';

/** As Standard Webhooks writes symmetric keys. */
function isSigningKey(text: string): boolean {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/.exec(text) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64').length;
  return bytes >= 24 && bytes <= 64;
}

const MOST_HEADERS = 16;
/** A token, and printable characters (RFC 9110 §5). */
const HEADER = /^[-!#$%&'*+.^_`|~0-9A-Za-z]{1,100}: ?[ -~]{1,4000}$/;
const OURS = /^(host|content-|transfer-|connection|webhook-)/i;
const HEADERS = `spec.webhook.headersRef must name at most ${MOST_HEADERS} lines such as Authorization: Bearer ..., and none that describes the request itself`;

function areHeaders(text: string): boolean {
  const lines = text.split(/\r?\n/);
  return lines.length <= MOST_HEADERS && lines.every((line) => HEADER.test(line) && !OURS.test(line));
}
