/**
 * Metrics of the egress proxy: who is connected from which addresses, and who is refused. Data only.
 */
import type { Declaration } from './declaration.ts';

export const relayingCounters = {
  egressRequests: {
    name: 'postfleet_egress_requests_total',
    help: 'Connections that workers asked the egress proxy for, by how that ended.',
    unit: 'connections',
    labels: {
      outcome: {
        values: {
          connected: 'the receiver was reached',
          unreachable: 'the receiver refused, did not answer in time, or has no route to it',
          unbound: 'this machine does not have the source address',
          exhausted: 'this machine has no ports or descriptors left',
          source: 'the source address is of no member of an IPPool that may be used here',
          port: 'the port is not one of `--allow-port`',
          private: 'the address is private and in no network of `--allow-private`',
          login: 'no login was offered, or a wrong one',
          command: 'neither BIND nor CONNECT, or not in that order',
          'address-type':
            'a host name, an IPv4 address in IPv6 form, or an address of the other family than the source',
          protocol: 'it was not SOCKS5',
          tls: 'the handshake of TLS failed',
          late: 'the client took too long to say what it wants',
          gone: 'the client went away before',
        },
      },
    },
    alert: {
      name: 'PostfleetEgressRefuses',
      when: 'sum by (outcome) (increase(postfleet_egress_requests_total{outcome=~"unbound|exhausted|source|port|private|login|tls"}[15m])) > 5',
      lasts: '5m',
      severity: 'ticket',
      why: 'Workers ask for what this proxy does not give: an address is not on this machine, a password or certificate does not fit, a route has another port. Their mail waits or leaves by other addresses. One or two are a change on its way; somebody who is no worker shows as `login`. The log names source and destination.',
    },
  },
  egressTurnedAway: {
    name: 'postfleet_egress_turned_away_total',
    help: 'Connections to the egress proxy that were closed unheard, by reason.',
    unit: 'connections',
    labels: {
      because: {
        values: {
          'too-many-connections': 'as many are open as `--connections` allows',
          'too-many-from-address': 'as many are open from that client as `--connections-per-client` allows',
        },
      },
    },
    alert: {
      name: 'PostfleetEgressFull',
      when: 'sum(rate(postfleet_egress_turned_away_total[5m])) > 0',
      lasts: '10m',
      severity: 'page',
      why: 'Workers are turned away and rest the addresses of this proxy, though they could send. Ten minutes are more than a peak. Raise `--connections` or `--connections-per-client`, or find who holds them.',
    },
  },
  egressBytes: {
    name: 'postfleet_egress_bytes_total',
    help: 'Bytes handed on by the egress proxy, counted when a connection ends.',
    unit: 'bytes',
    labels: {
      direction: { values: { 'to-receiver': 'what workers send', 'from-receiver': 'what receivers answer' } },
    },
    alert: { none: 'It tells how much the proxy carries.' },
  },
} as const satisfies Record<string, Declaration>;

export const relayingGauges = {
  egressConnections: {
    name: 'postfleet_egress_connections',
    help: 'Connections of workers to the egress proxy open now.',
    unit: 'connections',
    alert: { none: '`postfleet_egress_turned_away_total` tells when there are too many.' },
  },
  egressHeld: {
    name: 'postfleet_egress_held_addresses',
    help: 'Addresses of pools that the node of this egress proxy holds.',
    unit: 'addresses',
    alert: { none: 'A node may hold none; `postfleet_pool_members` tells of addresses that no node holds.' },
  },
  egressSources: {
    name: 'postfleet_egress_sources',
    help: 'Source addresses that clients of the egress proxy may ask for: members of its pools that are neither `Local` nor suspended.',
    unit: 'addresses',
    alert: {
      name: 'PostfleetEgressHasNoSources',
      when: 'postfleet_egress_sources == 0',
      lasts: '15m',
      severity: 'ticket',
      why: 'The proxy runs and refuses everybody: its resources declare no member that leaves through a proxy, or all are suspended. A quarter of an hour is longer than a change takes.',
    },
  },
} as const satisfies Record<string, Declaration>;
