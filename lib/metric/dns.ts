/**
 * Metrics of questions to DNS. Data only.
 */
import type { Declaration } from './declaration.ts';

export const dnsCounters = {
  dnsLookups: {
    name: 'postfleet_dns_lookups_total',
    help: 'Questions put to DNS servers, by record type and what came of them; what the cache answers is not among them.',
    unit: 'questions',
    labels: {
      type: {
        values: {
          A: 'IPv4 address',
          AAAA: 'IPv6 address',
          CNAME: 'alias',
          MX: 'mail exchanger',
          NS: 'name server',
          PTR: 'name of an address',
          TXT: 'text: SPF, DKIM, DMARC',
        },
      },
      result: {
        values: {
          found: 'there are records',
          none: 'the name has none of that type',
          'no-such-name': 'there is no such name',
          temporary: 'no usable answer: time-out, SERVFAIL, refused',
        },
      },
    },
    alert: {
      name: 'PostfleetDnsFails',
      when: 'sum(rate(postfleet_dns_lookups_total{result="temporary"}[10m])) > 0.2 * sum(rate(postfleet_dns_lookups_total[10m]))',
      lasts: '10m',
      severity: 'page',
      why: 'One question in five has no answer: the resolver is ill, because broken zones alone are a few in a hundred. Mail waits until it answers. See `spec.dns.resolvers`.',
    },
  },
  dnsShared: {
    name: 'postfleet_dns_shared_total',
    help: 'Questions that needed no server.',
    unit: 'questions',
    labels: {
      by: { values: { cache: 'answered by the cache', question: 'the same question was under way' } },
    },
    alert: { none: 'It tells how much the cache is worth.' },
  },
  dnsIgnored: {
    name: 'postfleet_dns_ignored_total',
    help: 'DNS messages and records that were no answer to what was asked.',
    unit: 'messages',
    labels: {
      because: {
        values: {
          malformed: 'it cannot be read',
          id: 'it has another id',
          question: 'it answers another question',
          record: 'a record of a name that was not asked for',
        },
      },
    },
    alert: {
      name: 'PostfleetDnsForged',
      when: 'sum(rate(postfleet_dns_ignored_total{because=~"id|question"}[5m])) > 10',
      lasts: '5m',
      severity: 'page',
      why: 'Ten answers a second that nobody asked for are somebody who tries to forge one; late answers are a few. Keep the resolver on this machine or this network.',
    },
  },
} as const satisfies Record<string, Declaration>;

export const dnsHistograms = {
  dnsLookupSeconds: {
    name: 'postfleet_dns_lookup_seconds',
    help: 'From a question put to DNS servers to its answer, tries and aliases included.',
    unit: 'seconds',
    buckets: [0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 2, 10],
    alert: {
      name: 'PostfleetDnsSlow',
      when: 'histogram_quantile(0.9, sum by (le) (rate(postfleet_dns_lookup_seconds_bucket[10m]))) > 2',
      lasts: '10m',
      severity: 'ticket',
      why: 'Two seconds is when the first try is given up: one question in ten needs a second one. The resolver is too far or too busy.',
    },
  },
} as const satisfies Record<string, Declaration>;
