/**
 * The smallest valid document of each kind, for tests to change.
 */
import type { Kind } from './kinds.ts';
import { API_VERSION } from './resource.ts';

export interface Sample {
  apiVersion: string;
  kind: Kind;
  metadata: Record<string, unknown>;
  spec: Record<string, unknown>;
}

const SPECS: Readonly<Record<Kind, Readonly<Record<string, unknown>>>> = {
  MTACluster: {},
  IPPool: { clusterRef: { name: 'local' }, members: [{ name: 'one', address: '192.0.2.1' }] },
  SendingDomain: { domain: 'example.com', poolRef: { name: 'main' } },
  DestinationPolicy: { clusterRef: { name: 'local' }, match: { all: {} } },
  SendingCredential: { clusterRef: { name: 'local' } },
  EventSink: { clusterRef: { name: 'local' }, webhook: { url: 'https://hooks.example.com/mail' } },
};

const NAMES: Readonly<Record<Kind, string>> = {
  MTACluster: 'local',
  IPPool: 'main',
  SendingDomain: 'example.com',
  DestinationPolicy: 'everyone',
  SendingCredential: 'app',
  EventSink: 'hooks',
};

export const sample = (kind: Kind, spec: object = {}, metadata: object = {}): Sample => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name: NAMES[kind], ...metadata },
  spec: { ...SPECS[kind], ...spec },
});
