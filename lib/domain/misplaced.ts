/**
 * Where a record that is missing may have been published by mistake. Pure.
 *
 * Control panels add the zone to a name: who enters the whole name publishes it below the zone twice. Others expect
 * the whole name, or do not take the underscore.
 */

export interface Misplaced {
  readonly name: string;
  /** What happened, when it is found there. */
  readonly says: string;
}

const MOST_ZONES = 3;

/** Names to look at, likeliest first; `name` is at or below `domain`. */
export function misplacedNames(name: string, domain: string): Misplaced[] {
  const zones = zonesOf(domain);
  const twice = zones.map((zone) => at(`${name}.${zone}`, 'the zone was appended to the whole name'));
  const above = zones
    .slice(1)
    .map((zone) => at(name.slice(0, name.length - domain.length) + zone, `it belongs below ${domain}`));
  const bare = name.includes('_') ? [at(name.replaceAll('_', ''), 'the underscore is missing')] : [];
  return [...twice, ...above, ...bare].filter((it) => it.name.length <= LONGEST_NAME);
}

const LONGEST_NAME = 253;

const at = (name: string, why: string): Misplaced => ({ name, says: `it is published at ${name}: ${why}` });

/** The domain and names above it that may be its zone. */
function zonesOf(domain: string): string[] {
  const labels = domain.split('.');
  return labels
    .map((_, from) => labels.slice(from).join('.'))
    .slice(0, Math.max(labels.length - 1, 1))
    .slice(0, MOST_ZONES);
}
