/**
 * The kinds there are, each with its schema. Adding a kind begins here.
 */
import { type DestinationPolicy, destinationPolicy } from './kinds/destination-policy.ts';
import { type EventSink, eventSink } from './kinds/event-sink.ts';
import { type IPPool, ipPool } from './kinds/ip-pool.ts';
import { type MTACluster, mtaCluster } from './kinds/mta-cluster.ts';
import { type SendingCredential, sendingCredential } from './kinds/sending-credential.ts';
import { type SendingDomain, sendingDomain } from './kinds/sending-domain.ts';

export const KINDS = {
  MTACluster: mtaCluster,
  IPPool: ipPool,
  SendingDomain: sendingDomain,
  DestinationPolicy: destinationPolicy,
  SendingCredential: sendingCredential,
  EventSink: eventSink,
} as const;

export type Kind = keyof typeof KINDS;
export type AnyResource = MTACluster | IPPool | SendingDomain | DestinationPolicy | SendingCredential | EventSink;

export const isKind = (word: unknown): word is Kind => typeof word === 'string' && Object.hasOwn(KINDS, word);
