/**
 * Documents of every kind, by chance: most of them valid or nearly so, for comparing who judges them.
 *
 * Made along the schema, with words that are hard to judge where a rule reads them; then, in half of them, a few places
 * are broken. Which are valid is for the judges to say. No field is `null`: a file must not leave one empty, and the API
 * server takes it for absent.
 */
import fc, { type GeneratorValue } from 'fast-check';
import { KINDS, type Kind } from '#crds/kinds.ts';
import { type OpenApi, openApiOf } from '#crds/schema.ts';
import { repaired } from './repaired.ts';

export type Fields = Record<string, unknown>;

const structures = Object.fromEntries(Object.entries(KINDS).map(([kind, schema]) => [kind, openApiOf(schema)]));

/** Words for texts that a rule reads, by what the rule asks: good ones, bad ones, and those at the edge. */
const HARD: readonly (readonly [RegExp, readonly string[]])[] = [
  [
    /isIP\(self\) && ip/,
    `192.0.2.1, 0.0.0.0, 2001:db8::1, 255.255.255.255, ::, ::1, fe80::1, 1:2:3:4:5:6:7:8, 01.2.3.4, 1.2.3, 256.1.1.1, :::,
    2001:DB8::1, 2001:db8:0::1, ::ffff:192.0.2.1, fe80::1%eth0, 1:0:0:2::, 1::2:0:0:3, 2001:db8::192.0.2.1, ::ffff:0:0, 1::`,
  ],
  [
    /isCIDR\(self\)/,
    `10.0.0.0/8, 192.0.2.1/32, 2001:db8::/32, 10.1.2.3/8, 0.0.0.0/0, ::/0, ::1/128, 2001:DB8::/32, 10.0.0.0/33, 10.0.0.0/08,
    10.0.0.0/, 10.0.0.0, ::/129, ::ffff:10.0.0.0/104, 10.0.0.0/8/8, /8`,
  ],
  [
    /isIP\(self\.matches/,
    `192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53, 2001:db8::53, [::1], 192.0.2.53:65535, 192.0.2.53:0, 192.0.2.53:65536,
    300.1.1.1, [::1, ::1]:53, 1.2.3, a:1, [192.0.2.1]:53, :53`,
  ],
  [
    /T00:00:00Z/,
    '2026-01-31, 2024-02-29, 2000-01-01, 1999-12-31, 2023-02-29, 2026-02-30, 2026-13-01, 2026-00-10, 9999-12-31, 2026-1-1',
  ],
  [
    /^timestamp\(self\)/,
    `2026-12-31T23:59:59Z, 2000-01-01T00:00:00Z, 2026-02-28T00:00:00.123456789+14:00, 9999-12-31T23:59:59Z,
    1999-12-31T23:59:59Z, 2026-02-30T00:00:00Z, 2026-12-31T23:59:60Z, 2026-12-31T24:00:00Z, 2026-12-31,
    2000-01-01T00:00:00+01:00, 1999-12-31T23:30:00-01:00, 2026-01-01t00:00:00z, 2026-01-01T00:00:00+24:00,
    9999-12-31T23:59:59-01:00, 0000-02-29T00:00:00Z`,
  ],
].map(([rule, texts]) => [rule as RegExp, (texts as string).split(/,\s+/)]);

/** Free text, also beyond ASCII. */
const words = (max: number) =>
  fc.string({
    unit: fc.constantFrom('a', 'Z', '0', ' ', '-', '.', '*', '|', 'é', '→', '"'),
    maxLength: Math.min(max, 12),
  });

/** Text that fits. What `pick` is given must be told apart by its arguments, and expressions are not. */
const fitting = (pattern: string, max: number) =>
  fc.stringMatching(new RegExp(pattern), { size: 'xsmall' }).filter((it) => it.length <= max);

/** A document of some kind. */
export const documents = (): fc.Arbitrary<Fields & { readonly kind: Kind }> =>
  fc.gen().map((pick) => {
    const kind = one(pick, ...(Object.keys(KINDS) as Kind[]));
    const { spec = {}, metadata } = structures[kind]?.properties ?? {};
    const name = metadata?.properties?.['name'] ?? {};
    const whole = {
      apiVersion: 'postfleet.io/v1alpha1',
      kind,
      metadata: { name: textOf(pick, name), namespace: 'default' },
      spec: valueOf(pick, spec) as Fields,
    };
    // What rules forbid in most of what chance brings would leave little else to be judged.
    if (often(pick, 85)) repaired(whole.spec);
    if (often(pick, 45))
      for (let times = pick(fc.integer, { min: 1, max: 2 }); times > 0; times -= 1) damage(pick, whole);
    return whole;
  });

/** One of these. */
function one<T>(pick: GeneratorValue, ...options: readonly T[]): T {
  const chosen = options[pick(fc.nat, { max: options.length - 1 })];
  return chosen as T;
}

const often = (pick: GeneratorValue, percent: number): boolean => pick(fc.integer, { min: 1, max: 100 }) <= percent;

function valueOf(pick: GeneratorValue, node: OpenApi): unknown {
  const known = node['enum'] as unknown[] | undefined;
  if (known) return one(pick, ...known);
  switch (node.type) {
    case 'string':
      return textOf(pick, node);
    case 'integer':
      return numberOf(pick, node);
    case 'boolean':
      return pick(fc.boolean);
    case 'array':
      return listOf(pick, node);
    default:
      return fieldsOf(pick, node);
  }
}

const rulesOf = (node: OpenApi): string[] =>
  ((node['x-kubernetes-validations'] ?? []) as { rule: string }[]).map(({ rule }) => rule);

function textOf(pick: GeneratorValue, node: OpenApi): string {
  const hard = HARD.find(([rule]) => rulesOf(node).some((it) => rule.test(it)))?.[1];
  // The first of them are good ones.
  if (hard) return one(pick, ...hard.slice(0, often(pick, 90) ? 3 : undefined));
  const max = Number(node['maxLength'] ?? 20);
  const pattern = node['pattern'];
  if (typeof pattern !== 'string') return pick(words, max) || 'a';
  const text = pick(fitting, pattern, max);
  return often(pick, 98) ? text : text.padEnd(max + pick(fc.integer, { min: 0, max: 1 }), 'a');
}

function numberOf(pick: GeneratorValue, node: OpenApi): number {
  const [min, max] = [Number(node['minimum']), Number(node['maximum'])];
  return often(pick, 20) ? one(pick, min, max) : pick(fc.integer, { min, max });
}

function listOf(pick: GeneratorValue, node: OpenApi): unknown[] {
  const min = Number(node['minItems'] ?? 0);
  const most = Math.min(Number(node['maxItems']), min + (often(pick, 5) ? 8 : 2));
  const entries = Array.from({ length: pick(fc.integer, { min, max: most }) }, () => valueOf(pick, node.items ?? {}));
  const keys = node['x-kubernetes-list-map-keys'] as string[] | undefined;
  const seen = new Map(entries.map((it) => [JSON.stringify(keys ? (it as Fields)[keys[0] ?? ''] : it), it]));
  return node['x-kubernetes-list-type'] === undefined || often(pick, 3) ? entries : [...seen.values()];
}

function fieldsOf(pick: GeneratorValue, node: OpenApi): Fields {
  const required = (node['required'] ?? []) as string[];
  const fields: Fields = {};
  for (const [name, inner] of Object.entries(node.properties ?? {}))
    if (required.includes(name) || often(pick, 35)) fields[name] = valueOf(pick, inner);
  const each = node['additionalProperties'] as OpenApi | undefined;
  if (each && often(pick, 50)) fields[pick(words, 12) || 'k'] = valueOf(pick, each);
  if (node['x-kubernetes-preserve-unknown-fields']) fields['anything'] = { at: ['all'] };
  return fields;
}

/** Breaks a place: another type, a bound, a field more or less, a thing twice. */
function damage(pick: GeneratorValue, whole: Fields): void {
  const places = placesOf(whole).filter(
    ({ path }) => !/^(apiVersion|kind|metadata\.namespace|metadata|spec)$/.test(path),
  );
  const place = places[pick(fc.nat, { max: Math.max(places.length - 1, 0) })];
  if (!place) return;
  const { holder, step } = place;
  const value = holder[step];
  const worse: unknown[] = ['', 'x'.repeat(400), 'A b', 0, -1, 1.5, 1e12, true, [], {}, ['a'], { unknown: 1 }];
  const how = one(pick, 'replace', 'replace', 'remove', 'twice', 'unknown', 'edge');
  if (how === 'remove' && !Array.isArray(holder)) delete holder[step];
  else if (how === 'twice' && Array.isArray(value)) value.push(...(structuredClone(value) as unknown[]));
  else if (how === 'unknown' && typeof value === 'object') (value as Fields)['surprise'] = 1;
  else if (how === 'edge' && typeof value === 'string')
    holder[step] = one(pick, `${value}.`, `-${value}`, value.toUpperCase(), `${value}\n`);
  else if (how === 'edge' && typeof value === 'number') holder[step] = value * 10;
  else holder[step] = worse[pick(fc.nat, { max: worse.length - 1 })];
}

interface Place {
  readonly holder: Fields;
  readonly step: string;
  readonly path: string;
}

function placesOf(value: unknown, path = ''): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([step, inner]) => {
    const here = path === '' ? step : `${path}.${step}`;
    return placesOf(inner, here).concat({ holder: value as Fields, step, path: here });
  });
}
