/**
 * Metrics of mail on its way in, and of what comes back. Data only.
 */
import { type Declaration, TENANT } from './declaration.ts';

const LISTENER = { from: 'names of the listeners in the MTACluster', most: 50 };

export const acceptingCounters = {
  accepted: {
    name: 'postfleet_accepted_total',
    help: 'Recipients of messages that are durably queued and were answered 250 or 202.',
    unit: 'recipients',
    labels: { via: { values: { smtp: 'came by SMTP', http: 'came by the HTTP API' } } },
    alert: {
      none: 'How much comes in is the senders’ business. Who sends all the time may alert on `rate(postfleet_accepted_total[15m]) == 0`.',
    },
  },
  acceptedByTenant: {
    name: 'postfleet_tenant_accepted_total',
    help: 'The same recipients, by whose mail it is.',
    unit: 'recipients',
    labels: { tenant: TENANT },
    alert: { none: 'How much a tenant sends is limited by its resources, and otherwise its business.' },
  },
  acceptedBytes: {
    name: 'postfleet_accepted_bytes_total',
    help: 'Bytes of accepted messages.',
    unit: 'bytes',
    alert: { none: 'It tells how large mail is; the disk has alerts of its own.' },
  },
  refused: {
    name: 'postfleet_refused_total',
    help: 'Messages and recipients refused by admission, by the check that refused.',
    unit: 'refusals',
    labels: {
      check: {
        values: {
          credential: 'the credential is suspended, expired or removed',
          sender: 'the envelope sender is not of a domain the credential may use',
          rate: 'the credential sends faster than it may',
          header: 'the header, or an instruction in it, cannot be taken',
          domain: 'the domain is not proven in DNS, or has no key',
          recipient: 'a recipient cannot be mailed to',
          suppression: 'the recipient is suppressed',
          quota: 'credential or domain have used up their quota',
          loop: 'the message has passed too many hosts',
          storage: 'the queue cannot be written, or the disk has too little room',
          repeat: 'an idempotency key was used for another message',
          'return-path': 'mail to a return path that is about no message, or too much of it',
        },
      },
    },
    alert: {
      name: 'PostfleetRefusesForStorage',
      when: 'rate(postfleet_refused_total{check="storage"}[5m]) > 0',
      lasts: '5m',
      severity: 'page',
      why: 'New mail is put off because it cannot be stored; senders keep it and try again. Make room, or see `postfleet_storage_faults_total`. Other checks are about the sender, who reads the reason in the reply.',
    },
  },
  smtpReplies: {
    name: 'postfleet_smtp_replies_total',
    help: 'Replies given to senders, by what they answer and their code.',
    unit: 'replies',
    labels: {
      listener: LISTENER,
      subject: {
        values: {
          connection: 'the connection itself: greeting, time-outs, shutdown',
          EHLO: 'the command of that name; so are the others in capitals',
          HELO: 'see EHLO',
          STARTTLS: 'see EHLO',
          AUTH: 'see EHLO',
          MAIL: 'see EHLO',
          RCPT: 'see EHLO',
          DATA: 'see EHLO',
          BDAT: 'see EHLO',
          message: 'the end of a message: 250 takes it over',
          RSET: 'see EHLO',
          NOOP: 'see EHLO',
          VRFY: 'see EHLO',
          HELP: 'see EHLO',
          QUIT: 'see EHLO',
          unknown: 'what is no command',
        },
      },
      code: { from: 'the reply codes this server uses', most: 40 },
    },
    alert: {
      name: 'PostfleetDefersSenders',
      when: 'sum(rate(postfleet_smtp_replies_total{subject="message",code=~"4.."}[10m])) > 0.1 * sum(rate(postfleet_smtp_replies_total{subject="message"}[10m]))',
      lasts: '10m',
      severity: 'page',
      why: 'More than a tenth of the messages that came in whole are put off: senders pile up mail. A tenth is more than single senders over their quota cause. Look at `postfleet_refused_total` for the check.',
    },
  },
  turnedAway: {
    name: 'postfleet_smtp_turned_away_total',
    help: 'Connections refused before their greeting, by reason; those to the HTTP API too.',
    unit: 'connections',
    labels: {
      listener: LISTENER,
      because: {
        values: {
          'too-many-connections': 'as many are open as `spec.ingress.limits` allows',
          'too-many-from-address': 'as many are open from that address or IPv6 network as is allowed',
          'no-proxy-header': 'a load balancer said no PROXY header',
        },
      },
    },
    alert: {
      name: 'PostfleetTurnsConnectionsAway',
      when: 'sum(rate(postfleet_smtp_turned_away_total{because=~"too-many-connections|no-proxy-header"}[5m])) > 0',
      lasts: '10m',
      severity: 'page',
      why: 'Nobody, or nobody behind a load balancer, gets in. Raise `connections`, find who holds them open, or mend `proxyProtocolFrom`. Too many from one address is that client’s matter.',
    },
  },
  cancelled: {
    name: 'postfleet_cancelled_total',
    help: 'Recipients whose mail was cancelled before it was delivered.',
    unit: 'recipients',
    alert: { none: 'Senders cancel what they want to.' },
  },
  returned: {
    name: 'postfleet_returned_total',
    help: 'Mail that came back to return paths, and what it told.',
    unit: 'events',
    labels: {
      what: {
        values: {
          returned: 'mail came back for a recipient, whatever it says',
          'bounced-later': 'it said that mail was not delivered after all',
          complained: 'it said that the recipient complained',
          unmatched: 'it was about no message and is kept for people',
        },
      },
    },
    alert: {
      name: 'PostfleetComplaints',
      when: 'sum(increase(postfleet_returned_total{what="complained"}[1d])) > 0.001 * sum(increase(postfleet_attempts_total{outcome="delivered"}[1d])) and sum(increase(postfleet_returned_total{what="complained"}[1d])) >= 10',
      lasts: '1h',
      severity: 'ticket',
      why: 'More than one complaint in a thousand deliveries: Google and Yahoo ask senders to stay below 0.1 % and act at 0.3 %. Ten at least, so that one angry reader wakes nobody. `postfleet returned` shows whose mail it is.',
    },
  },
} as const satisfies Record<string, Declaration>;

export const acceptingHistograms = {
  acceptSeconds: {
    name: 'postfleet_accept_seconds',
    help: 'From a whole message in hand to its durable place in the queue; refusals are not among them.',
    unit: 'seconds',
    labels: { via: { values: { smtp: 'came by SMTP', http: 'came by the HTTP API' } } },
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    alert: {
      name: 'PostfleetAcceptsSlowly',
      when: 'histogram_quantile(0.99, sum by (le) (rate(postfleet_accept_seconds_bucket[5m]))) > 1',
      lasts: '10m',
      severity: 'page',
      why: 'One message in a hundred takes more than a second to be stored, where some milliseconds are normal: the disk (`postfleet_commit_seconds`) or the event loop (`nodejs_eventloop_lag_p99_seconds`) is behind.',
    },
  },
} as const satisfies Record<string, Declaration>;

export const acceptingGauges = {
  smtpConnections: {
    name: 'postfleet_smtp_connections',
    help: 'Connections of senders open now.',
    unit: 'connections',
    labels: { listener: LISTENER },
    alert: { none: '`postfleet_smtp_turned_away_total` tells when there are too many.' },
  },
  receivingBytes: {
    name: 'postfleet_receiving_bytes',
    help: 'Bytes held of mail that is coming in.',
    unit: 'bytes',
    alert: { none: 'It is bounded; `postfleet_pressure` tells when it is scarce.' },
  },
  pressure: {
    name: 'postfleet_pressure',
    help: '1 while connections or memory are scarce and peers are given less time, else 0.',
    unit: 'state',
    alert: {
      name: 'PostfleetUnderPressure',
      when: 'min_over_time(postfleet_pressure[15m]) == 1',
      lasts: '1m',
      severity: 'page',
      why: 'For a quarter of an hour there was too little room for those who want to come in; shorter peaks are what the bounds are for. Find who holds connections, or raise `spec.ingress.limits`.',
    },
  },
} as const satisfies Record<string, Declaration>;
