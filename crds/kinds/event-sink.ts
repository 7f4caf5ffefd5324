/**
 * `EventSink`: where a namespace's events are told, as signed webhooks.
 *
 * Nobody sees another namespace's events: that is no field, so nothing can widen it.
 */
import { objectName, webUrl } from '../address.ts';
import { grantedRef, secretRef, suspend } from '../parts.ts';
import { type Resource, document } from '../resource.ts';
import { type Infer, immutable, list, object, oneOf, set } from '../schema.ts';

const EVENTS = [
  'Queued',
  'Delivered',
  'Deferred',
  'Bounced',
  'Expired',
  'Cancelled',
  'SetAside',
  'Returned',
  'BouncedLater',
  'Complained',
] as const;

const spec = object({
  clusterRef: immutable(grantedRef('MTACluster')).describe('The cluster whose events are told.'),
  webhook: object({
    url: webUrl().describe('Where they are sent, by POST.'),
    signingRef: secretRef().exactOptional().describe('Key that signs each request; one is made when absent.'),
    headersRef: secretRef()
      .exactOptional()
      .describe('Further header fields of each request, a line each, such as `Authorization: Bearer ...`.'),
  }).describe('The receiver.'),
  types: set(oneOf(...EVENTS), EVENTS.length, 1)
    .exactOptional()
    .describe('Events that are told; all of them when absent.'),
  domainRefs: list(object({ name: objectName().describe('Name of the SendingDomain.') }), 256)
    .exactOptional()
    .describe('SendingDomains of this namespace whose events are told; all of them when absent.'),
  suspend: suspend('Tells nothing while true; what happens meanwhile is told later.'),
});

export const eventSink = document('EventSink', 'object', spec);
type EventSinkSpec = Infer<typeof spec>;
export type EventSink = Resource<'EventSink', EventSinkSpec>;
