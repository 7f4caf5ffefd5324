/**
 * What the command line of `postfleet operator` takes beside what its pod says of itself.
 */
export const OPERATOR_FLAGS: readonly (readonly [flag: string, does: string, standard?: string])[] = [
  ['--pods-role <name>', 'the ClusterRole by which its pods read what is declared', 'postfleet-pods'],
  ['--watch-namespaces <names>', 'namespaces it reconciles, with commas between (default: all)'],
  ['--egress-namespace <name>', 'where the egress proxies of nodes are (default: there are none)'],
  ['--resolver <address...>', 'DNS servers (default: those of this machine)'],
  ['--allow-private <network...>', 'private networks that name servers of domains may lie in (default: none)'],
  ['--metrics <address>', 'metrics and health', '127.0.0.1:9464'],
];
