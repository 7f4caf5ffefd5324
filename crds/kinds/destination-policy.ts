/**
 * `DestinationPolicy`: how mail to some destinations is shaped, tried and routed.
 *
 * Which policy holds for a destination (the most specific, then the older) is decided where mail is scheduled.
 */
import { domainName, domainPattern, dnsLabel, host } from '../address.ts';
import {
  expireAfterSeconds,
  factor,
  firstIsWithinMax,
  firstSeconds,
  maxSeconds,
  onInDoubt,
  tlsLevel,
  tlsMinVersion,
} from '../delivery.ts';
import { rate, shortName } from '../parts.ts';
import { type Resource, document } from '../resource.ts';
import { type Infer, immutable, integer, list, listBy, object, ruled } from '../schema.ts';
import { replyRule } from './reply-rule.ts';

const match = () =>
  ruled(
    object({
      provider: dnsLabel().exactOptional().describe('A mailbox provider by its name, over all of its sites.'),
      domains: list(domainPattern(), 256, 1)
        .exactOptional()
        .describe(
          'Recipient domains. `example.com` is that domain alone, `*.example.com` is every name below it and not itself: name both to mean both.',
        ),
      mxSuffixes: list(domainName(), 64, 1)
        .exactOptional()
        .describe('Mail exchangers with these names or with names below them.'),
      all: object({}).exactOptional().describe('Every destination that nothing else matches: `all: {}`.'),
    }),
    {
      cel: '[has(self.provider), has(self.domains), has(self.mxSuffixes), has(self.all)].filter(given, given).size() == 1',
      message: 'must have exactly one of provider, domains, mxSuffixes, all',
      holds: (given) => Object.keys(given).length === 1,
    },
  );
export type Match = Infer<ReturnType<typeof match>>;

const limits = () =>
  object({
    connections: integer(1, 10_000).exactOptional().describe('Connections at a time, from all addresses together.'),
    connectionsPerSource: integer(1, 10_000).exactOptional().describe('Connections at a time from one address.'),
    messagesPerConnection: integer(1, 100_000).exactOptional().describe('Messages after which a connection is closed.'),
    rate: rate('Messages').exactOptional().describe('Messages over time.'),
    connectionRate: rate('Connections').exactOptional().describe('New connections over time.'),
  });

const spec = object({
  clusterRef: immutable(object({ name: shortName().describe('Name of the MTACluster.') })).describe(
    'The cluster, in this namespace.',
  ),
  match: match().describe('The destinations: exactly one way to name them.'),
  limits: limits().prefault({}).describe('How much at a time. What is absent is not limited here.'),
  tls: tlsLevel().exactOptional(),
  tlsMinVersion: tlsMinVersion().exactOptional(),
  retry: ruled(
    object({
      firstSeconds: firstSeconds().exactOptional(),
      factor: factor().exactOptional(),
      maxSeconds: maxSeconds().exactOptional(),
    }),
    firstIsWithinMax,
  )
    .exactOptional()
    .describe('When a deferred message is tried again.'),
  expireAfterSeconds: expireAfterSeconds().exactOptional(),
  onInDoubt: onInDoubt().exactOptional(),
  routes: list(
    object({
      host: host().describe('Host to hand the mail to. Being named here, it may have a private address.'),
      port: integer(1, 65_535).default(25).describe('Its port.'),
    }),
    16,
  )
    .default([])
    .describe('Hosts to use in place of the mail exchangers, in order.'),
  rules: listBy('name', replyRule(), 256)
    .default([])
    .describe('What replies of these destinations mean, in order, before the rules that are built in.'),
});

export const destinationPolicy = document('DestinationPolicy', 'object', spec);
type DestinationPolicySpec = Infer<typeof spec>;
export type DestinationPolicy = Resource<'DestinationPolicy', DestinationPolicySpec>;
