/**
 * What the operator writes of each kind: state, not counters. Live numbers are metrics and commands.
 *
 * Only the operator writes a status and only the API server checks it, so it is no part of what `validate` takes.
 */
import { dnsLabel, domainName, objectName } from './address.ts';
import type { Kind } from './kinds.ts';
import { type Infer, type Schema, integer, list, listBy, object, oneOf, text } from './schema.ts';

const MOST = 2_147_483_647;

/** As the server writes it (RFC 3339). */
const moment = () => text({ max: 64 }).meta({ format: 'date-time' });

const condition = () =>
  object({
    type: text({ max: 63 }).describe('What is observed, such as Ready.'),
    status: oneOf('True', 'False', 'Unknown').describe('Whether it holds.'),
    observedGeneration: integer(0, Number.MAX_SAFE_INTEGER)
      .exactOptional()
      .describe('Generation of the resource that this was observed at.'),
    lastTransitionTime: moment().describe('When status changed last.'),
    reason: text({ max: 128, pattern: /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/ }).describe('Why, as a word.'),
    message: text({ max: 4096, min: 0 }).describe('Why, as a sentence that ends with what to do.'),
  });

/** What every status has: see KEP-1623 and kstatus. */
const always = () => ({
  observedGeneration: integer(0, Number.MAX_SAFE_INTEGER)
    .exactOptional()
    .describe('Generation of the resource that all of this is about.'),
  conditions: listBy('type', condition(), 16)
    .exactOptional()
    .describe('What holds: Ready always; Reconciling and Stalled only when True.'),
});

const replicas = (what: string) => integer(0, MOST).exactOptional().describe(what);

const mtaCluster = object({
  ...always(),
  replicas: replicas('Worker pods there are.'),
  readyReplicas: replicas('Worker pods that are ready.'),
  selector: text({ max: 1024 }).exactOptional().describe('Labels of the worker pods, as a text, for autoscalers.'),
  ingress: object({
    readyReplicas: replicas('Ingress pods that are ready.'),
    addresses: list(text({ max: 253 }), 64)
      .exactOptional()
      .describe('Where senders connect to.'),
  })
    .exactOptional()
    .describe('What accepts mail.'),
  version: text({ max: 64 }).exactOptional().describe('Version that all pods run.'),
  ownedShards: integer(0, 256).exactOptional().describe('Shards that a worker owns.'),
  durability: oneOf('Fsync', 'Weaker', 'Unknown')
    .exactOptional()
    .describe('Whether what is acknowledged is on disk: only Fsync survives a power cut.'),
});

const member = () =>
  object({
    name: dnsLabel().describe('Name of the member.'),
    state: oneOf('Available', 'WarmingUp', 'Suspended', 'Unplumbed', 'Unhealthy').describe(
      'Whether mail leaves from it.',
    ),
    reason: text({ max: 128 }).exactOptional().describe('Why, as a word.'),
    message: text({ max: 4096, min: 0 }).exactOptional().describe('Why, as a sentence that ends with what to do.'),
    until: moment().exactOptional().describe('When that ends by itself.'),
    node: objectName().exactOptional().describe('Node that holds the address.'),
    endpoint: text({ max: 300 }).exactOptional().describe('Where its egress proxy is reached.'),
    ptr: domainName().exactOptional().describe('Name that the address points back to.'),
    warmupDay: integer(0, MOST).exactOptional().describe('Day of its warm-up, from 1.'),
    listedOn: list(domainName(), 16).exactOptional().describe('Blocklists that have it.'),
  });

const dnsRecord = () =>
  object({
    purpose: text({ max: 64 }).describe('What it is for, such as DKIM or SPF.'),
    type: text({ max: 16 }).describe('Type of the record.'),
    // `_domainkey` and `_dmarc` are names, though of no host.
    name: text({ max: 253 }).describe('Name of the record.'),
    expected: list(text({ max: 4096 }), 64)
      .exactOptional()
      .describe('Values that should be there.'),
    found: list(text({ max: 4096, min: 0 }), 64)
      .exactOptional()
      .describe('Values that are there.'),
    difference: text({ max: 4096, min: 0 }).exactOptional().describe('What is wrong, exactly.'),
    state: oneOf('Present', 'Missing', 'Differs', 'Unknown').describe('How it compares.'),
  });

const ipPool = object({
  ...always(),
  memberCount: integer(0, 256).exactOptional().describe('Members that are declared.'),
  availableCount: integer(0, 256).exactOptional().describe('Members that mail leaves from.'),
  records: list(dnsRecord(), 1024).exactOptional().describe('DNS records the pool needs.'),
  members: listBy('name', member(), 256).exactOptional().describe('How each member is.'),
});

const key = () =>
  object({
    selector: domainName(63).describe('Selector of the key.'),
    algorithm: oneOf('RSA2048', 'RSA4096', 'Ed25519').describe('Algorithm of the key.'),
    revision: integer(0, MOST).exactOptional().describe('Which key of this domain it is, counted from the first.'),
    secretName: objectName().exactOptional().describe('Secret that holds it.'),
    phase: oneOf('Pending', 'Published', 'Verified', 'Active', 'Retiring', 'Retired').describe('How far it is.'),
    since: moment().exactOptional().describe('When it came so far.'),
  });

const sendingDomain = object({
  ...always(),
  pool: object({
    namespace: dnsLabel().describe('Its namespace.'),
    name: dnsLabel(40).describe('Its name.'),
  })
    .exactOptional()
    .describe('The pool that was granted: what mail leaves from.'),
  activeSelectors: list(domainName(63), 16).exactOptional().describe('Selectors of the keys that sign.'),
  records: list(dnsRecord(), 64).exactOptional().describe('DNS records the domain needs.'),
  keys: listBy('selector', key(), 64).exactOptional().describe('Its DKIM keys.'),
});

const destinationPolicy = object(always());

const sendingCredential = object({
  ...always(),
  username: text({ max: 253 }).exactOptional().describe('What AUTH gives as user.'),
  secretName: objectName().exactOptional().describe('Secret that was made for it.'),
  lastUsedDate: text({ max: 10 }).exactOptional().describe('Last day it was used on, in UTC.'),
});

const eventSink = object({
  ...always(),
  secretName: objectName().exactOptional().describe('Secret with the signing key that was made for it.'),
  failingSince: moment().exactOptional().describe('When the receiver last took something, if it takes nothing now.'),
});

export const STATUSES = {
  MTACluster: mtaCluster,
  IPPool: ipPool,
  SendingDomain: sendingDomain,
  DestinationPolicy: destinationPolicy,
  SendingCredential: sendingCredential,
  EventSink: eventSink,
} as const satisfies Record<Kind, Schema>;

export type Condition = Infer<ReturnType<typeof condition>>;
export type StatusOf<K extends Kind> = Infer<(typeof STATUSES)[K]>;
