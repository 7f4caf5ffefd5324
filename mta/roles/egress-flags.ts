/**
 * What the command line of `postfleet egress` takes: the chart's pods are started with it too.
 */
export const EGRESS_FLAGS: readonly (readonly [flag: string, does: string, standard?: string | readonly string[]])[] = [
  ['--config <folder>', 'resources: which addresses may be used'],
  ['--kubernetes', 'in place of --config: the pools in Kubernetes that their clusters accept'],
  ['--watch-namespaces <names>', 'with --kubernetes: whose pools, commas between (default: all)'],
  ['--listen <address>', 'where workers connect to', '127.0.0.1:1080'],
  ['--auth <file>', 'who may: lines user:password; without it only on loopback'],
  ['--tls <folder>', 'tls.crt and tls.key (default: in clear)'],
  ['--allow-port <port...>', 'ports of receivers', ['25']],
  ['--allow-private <network...>', 'private networks that receivers may lie in (default: none)'],
  ['--connections <count>', 'most at once', '4000'],
  ['--connections-per-client <count>', 'most at once of one worker', '2000'],
  ['--metrics <address>', 'metrics and health', '127.0.0.1:9465'],
];
