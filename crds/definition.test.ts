import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NAMINGS, definitionOf } from './definition.ts';
import { KINDS, type Kind } from './kinds.ts';
import { openApiOf } from './schema.ts';
import { yamlText } from './source/yaml.ts';

const FOLDER = new URL('generated/', import.meta.url);
const kinds = Object.keys(KINDS) as Kind[];

describe.each(kinds)('the definition of %s', (kind) => {
  const text = readFileSync(new URL(`${kind.toLowerCase()}.yaml`, FOLDER), 'utf8');

  it('is the one that `npm run crds` writes', () => {
    expect(text).toBe(yamlText(definitionOf(kind)));
  });

  it('is small enough for a request and a Helm release', () => {
    expect(text.length).toBeLessThan(200_000);
    expect(JSON.stringify(definitionOf(kind)).length).toBeLessThan(200_000);
  });

  it('has columns of fields that there are', () => {
    const { spec } = openApiOf(KINDS[kind]).properties ?? {};
    for (const { jsonPath } of NAMINGS[kind].columns.filter((column) => column.jsonPath.startsWith('.spec.')))
      expect(spec?.properties).toHaveProperty((jsonPath.split('.')[2] ?? '').replace(/\[.*/, ''));
  });
});

it('there are no other definitions', () => {
  expect(readdirSync(FOLDER).toSorted()).toEqual(kinds.map((kind) => `${kind.toLowerCase()}.yaml`).toSorted());
});

it('no two kinds share a name', () => {
  const names = kinds.flatMap((kind) => [NAMINGS[kind].plural, NAMINGS[kind].shortName]);
  expect(new Set(names).size).toBe(names.length);
});
