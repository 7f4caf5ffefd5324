import { describe, expect, it } from 'vitest';
import { KINDS } from './kinds.ts';
import { type OpenApi, openApiOf } from './schema.ts';
import { STATUSES } from './statuses.ts';

const specs = Object.entries(KINDS).map(
  ([kind, schema]) => [kind, openApiOf(schema).properties?.['spec'] ?? {}] as const,
);
const statuses = Object.entries(STATUSES).map(([kind, schema]) => [`status of ${kind}`, openApiOf(schema)] as const);

/** Every node of a schema with its path. */
function* nodes(schema: OpenApi, path: string): Generator<[string, OpenApi]> {
  yield [path, schema];
  for (const [name, inner] of Object.entries(schema.properties ?? {})) yield* nodes(inner, `${path}.${name}`);
  if (schema.items) yield* nodes(schema.items, `${path}[]`);
}

const pathsWhere = (schema: OpenApi, holds: (node: OpenApi) => boolean): string[] =>
  [...nodes(schema, 'spec')].filter(([, node]) => holds(node)).map(([path]) => path);

describe.each([...specs, ...statuses])('%s', (_, schema) => {
  it('bounds every text, list, map and number', () => {
    const unbounded = (node: OpenApi): boolean =>
      (node.type === 'string' && node['enum'] === undefined && node['maxLength'] === undefined) ||
      (node.type === 'array' && node['maxItems'] === undefined) ||
      (node.type === 'integer' && (node['minimum'] === undefined || node['maximum'] === undefined)) ||
      (typeof node['additionalProperties'] === 'object' && node['maxProperties'] === undefined);
    expect(pathsWhere(schema, unbounded)).toEqual([]);
  });

  it('is structural: each node has a type, and no word that a CRD may not use', () => {
    const forbidden = ['$ref', 'anyOf', 'oneOf', 'allOf', 'not', 'const', 'patternProperties', 'uniqueItems'];
    const isStructural = (node: OpenApi): boolean =>
      typeof node.type === 'string' &&
      node['additionalProperties'] !== false &&
      !(node.properties && 'additionalProperties' in node) &&
      forbidden.every((word) => !(word in node));
    expect(pathsWhere(schema, (node) => !isStructural(node))).toEqual([]);
  });

  it('has patterns without look-around, which the API server cannot run', () => {
    expect(pathsWhere(schema, (node) => String(node['pattern']).includes('(?'))).toEqual([]);
  });

  it('describes every field', () => {
    const isField = (path: string): boolean => path !== 'spec' && !path.endsWith(']');
    const silent = pathsWhere(schema, (node) => typeof node['description'] !== 'string').filter(isField);
    expect(silent).toEqual([]);
  });
});

it('carries rules and list types into the schema', () => {
  const members = specs.find(([kind]) => kind === 'IPPool')?.[1].properties?.['members'];
  expect(members).toMatchObject({
    minItems: 1,
    maxItems: 256,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-validations': [{ rule: 'self.all(a, self.exists_one(b, a.address == b.address))' }],
  });
  expect(members?.items?.properties?.['address']).toMatchObject({
    maxLength: 45,
    'x-kubernetes-validations': [{ rule: 'isIP(self) && ip.isCanonical(self)' }, { rule: 'self == oldSelf' }],
  });
});
