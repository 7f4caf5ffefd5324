/**
 * Metrics of mail on its way out: connections, attempts, and what became of them. Data only.
 */
import { type Declaration, TENANT } from './declaration.ts';

const OUTCOMES = {
  delivered: 'the receiver took it over',
  deferred: 'it is tried again later',
  bounced: 'it has failed for good',
  expired: 'its time was over',
};

const NO_SESSION = {
  bind: 'the source address could not be used, here or at its proxy',
  connect: 'TCP',
  banner: 'the greeting',
  ehlo: 'EHLO',
  tls: 'STARTTLS, the handshake and EHLO after it',
};

export const sendingCounters = {
  attempts: {
    name: 'postfleet_attempts_total',
    help: 'Attempts at recipients by what became of them.',
    unit: 'recipients',
    labels: { outcome: { values: OUTCOMES } },
    alert: {
      name: 'PostfleetDeliversNothing',
      when: 'sum(rate(postfleet_attempts_total{outcome="delivered"}[15m])) == 0 and sum(rate(postfleet_attempts_total[15m])) > 0',
      lasts: '15m',
      severity: 'page',
      why: 'Mail is tried, and none of it is delivered anywhere: an address is blocked, port 25 is closed, or DNS is broken. One receiver that is down does not do that.',
    },
  },
  attemptsByProvider: {
    name: 'postfleet_provider_attempts_total',
    help: 'The same attempts, by the mailbox provider that the mail goes to.',
    unit: 'recipients',
    labels: {
      provider: { from: 'the providers Postfleet knows (`crds/shipped/`), and `other` for everybody else', most: 64 },
      outcome: { values: OUTCOMES },
    },
    alert: {
      name: 'PostfleetProviderDefers',
      when: 'sum by (provider) (rate(postfleet_provider_attempts_total{outcome="deferred"}[30m])) > 0.5 * sum by (provider) (rate(postfleet_provider_attempts_total[30m])) and sum by (provider) (increase(postfleet_provider_attempts_total{outcome="deferred"}[30m])) > 100',
      lasts: '30m',
      severity: 'ticket',
      why: 'A provider puts off more than half of what it is offered: it limits or blocks these addresses. Greylisting alone puts off less, for minutes; the hundred keep small providers quiet. `postfleet explain-reply` says what its words mean.',
    },
  },
  attemptsByTenant: {
    name: 'postfleet_tenant_attempts_total',
    help: 'The same attempts, by whose mail it is.',
    unit: 'recipients',
    labels: { tenant: TENANT, outcome: { values: OUTCOMES } },
    alert: {
      none: 'How much of its mail bounces is a tenant’s own business until receivers judge the addresses by it, and providers that put off mail have an alert. Who promises tenants a share of bounces may alert on `outcome="bounced"` over all.',
    },
  },
  attemptsBySource: {
    name: 'postfleet_source_attempts_total',
    help: 'The same attempts, by the member of a pool that they left from; without those that had no connection.',
    unit: 'recipients',
    labels: {
      source: { from: 'namespaces and names of IPPools, and names of their members', most: 2000 },
      outcome: { values: OUTCOMES },
    },
    alert: {
      none: 'How mail is shared among addresses follows from their pools; addresses that are unfit have an alert.',
    },
  },
  failures: {
    name: 'postfleet_failures_total',
    help: 'Attempts that did not deliver, by what became of them and the class of failure.',
    unit: 'recipients',
    labels: {
      outcome: {
        values: {
          delivered: 'the receiver may have it, and that is taken for granted',
          deferred: OUTCOMES.deferred,
          bounced: OUTCOMES.bounced,
          expired: OUTCOMES.expired,
        },
      },
      class: {
        values: {
          'Invalid Address': 'the address is not there',
          Technical: 'a connection, a protocol, a configuration',
          Content: 'what the message holds',
          Reputation: 'who sent it, or from where',
          'Frequency/Volume': 'too much or too fast',
          'Mailbox Unavailable': 'full, disabled, or away for now',
          Unclassified: 'no rule knows these words',
        },
      },
    },
    alert: {
      name: 'PostfleetReputation',
      when: 'sum(rate(postfleet_failures_total{class="Reputation"}[1h])) > 0.05 * sum(rate(postfleet_attempts_total[1h]))',
      lasts: '30m',
      severity: 'page',
      why: 'One attempt in twenty is refused for who we are: an address is on a block list or a domain has lost its name. Going on makes it worse; the events say who refuses and where to ask.',
    },
  },
  rulesFired: {
    name: 'postfleet_rules_fired_total',
    help: 'Rules over replies that fired, by what they did.',
    unit: 'rules',
    labels: {
      action: {
        values: {
          slow: 'a site, a source or a domain goes slower for a while',
          suspend: 'nothing goes there for a while',
          'other-source': 'mail leaves from another address',
        },
      },
    },
    alert: {
      none: 'It is what the rules are for; the log and `/v1/queue` of the admin API say which, and until when.',
    },
  },
  suppressed: {
    name: 'postfleet_suppressed_total',
    help: 'Addresses suppressed because a receiver said that they are not there.',
    unit: 'addresses',
    alert: { none: 'Each is an address less to harm the sender’s name with.' },
  },
  inDoubt: {
    name: 'postfleet_in_doubt_total',
    help: 'Attempts whose final dot was sent and whose reply was not seen.',
    unit: 'recipients',
    alert: {
      name: 'PostfleetInDoubt',
      when: 'sum(rate(postfleet_in_doubt_total[15m])) > 0.01 * sum(rate(postfleet_attempts_total[15m]))',
      lasts: '15m',
      severity: 'ticket',
      why: 'Connections break at the worst moment more often than one time in a hundred: each such message may arrive twice. Look for a firewall or NAT that forgets connections.',
    },
  },
  connectFailures: {
    name: 'postfleet_connect_failures_total',
    help: 'Connections to receivers that gave no session, by how far they got.',
    unit: 'connections',
    labels: { stage: { values: NO_SESSION } },
    alert: {
      name: 'PostfleetSourceUnusable',
      when: 'sum(rate(postfleet_connect_failures_total{stage="bind"}[5m])) > 0',
      lasts: '10m',
      severity: 'page',
      why: 'This machine cannot use one of its addresses, or has no ports or descriptors left; or an egress proxy is away, refuses the login, or does not have the address: the log says which. At every other stage it is the receiver, and its mail waits.',
    },
  },
} as const satisfies Record<string, Declaration>;

export const sendingHistograms = {
  resolveSeconds: {
    name: 'postfleet_resolve_seconds',
    help: 'Finding the hosts of a domain before a connection, cache included.',
    unit: 'seconds',
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10],
    alert: { none: '`postfleet_dns_lookup_seconds` is about the same and leaves the cache out.' },
  },
  connectSeconds: {
    name: 'postfleet_connect_seconds',
    help: 'What each stage of opening a connection took, whether it came to a session or not.',
    unit: 'seconds',
    labels: {
      stage: {
        values: { connect: 'TCP', greet: 'the greeting and EHLO', tls: 'the handshake and EHLO after it' },
      },
    },
    buckets: [0.005, 0.025, 0.1, 0.5, 2, 10, 60, 300],
    alert: {
      none: 'Receivers are slow as they please; whose fault it is shows beside `postfleet_transaction_seconds`.',
    },
  },
  transactionSeconds: {
    name: 'postfleet_transaction_seconds',
    help: 'From the first command of a transaction to the reply that decided it.',
    unit: 'seconds',
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    alert: {
      none: 'Receivers are slow as they please; mail that is held up shows in `postfleet_queue_oldest_due_seconds`.',
    },
  },
  queueSeconds: {
    name: 'postfleet_queue_seconds',
    help: 'From acceptance, or the time the sender asked for, to delivery.',
    unit: 'seconds',
    buckets: [0.01, 0.05, 0.25, 1, 5, 30, 300, 3600, 86_400],
    alert: {
      name: 'PostfleetDeliversLate',
      when: 'histogram_quantile(0.5, sum by (le) (rate(postfleet_queue_seconds_bucket[15m]))) > 300',
      lasts: '15m',
      severity: 'page',
      why: 'Half of what is delivered took more than five minutes: too much mail for the limits that hold, or for this machine. Receivers that defer some of it do not move the middle.',
    },
  },
} as const satisfies Record<string, Declaration>;

export const sendingGauges = {
  deliveryConnections: {
    name: 'postfleet_delivery_connections',
    help: 'Connections to receivers open now.',
    unit: 'connections',
    alert: {
      name: 'PostfleetOutOfConnections',
      when: 'min_over_time(postfleet_delivery_connections[15m]) > 1900',
      lasts: '5m',
      severity: 'ticket',
      why: 'Nearly all of the 2000 connections were in use for a quarter of an hour: mail waits for them. Receivers are slow, or there is work for another machine.',
    },
  },
  workerSaturation: {
    name: 'postfleet_worker_saturation',
    help: 'How much of all that it can do a worker does, from 0 to 1: the share of what is scarcest now, of its event loop, its processors, its connections, its memory for messages.',
    unit: 'share',
    alert: {
      name: 'PostfleetWorkersSaturated',
      when: 'avg(postfleet_worker_saturation) > 0.9',
      lasts: '30m',
      severity: 'ticket',
      why: 'Workers do nearly all they can: mail waits for them that receivers would take. More of them share the work (`kubectl scale mtacluster`, or an autoscaler), as many as there are shards.',
    },
  },
  sitesInTrouble: {
    name: 'postfleet_sites_in_trouble',
    help: 'Receivers that have mail waiting, or a connection open, and could not be reached the last time.',
    unit: 'sites',
    alert: {
      none: 'There are always some. `/v1/queue` of the admin API names each, with what it said last and until when it rests.',
    },
  },
} as const satisfies Record<string, Declaration>;
