import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chartFiles } from './files.ts';
import { VALUES, type ValueSchema } from './values.ts';

const CHART = new URL('../postfleet/', import.meta.url);
const files = chartFiles();

describe('the chart', () => {
  test.each([...files])('%s is what `npm run chart` writes', (path, text) => {
    expect(readFileSync(new URL(path, CHART), 'utf8')).toBe(text);
  });

  test('has no other file that looks as if it were', () => {
    const there = readdirSync(new URL('files/', CHART), { recursive: true, withFileTypes: true });
    const names = there.filter((it) => it.isFile()).map((it) => it.name);
    const made = [...files.keys()].filter((it) => it.startsWith('files/')).map((it) => it.replace(/.*\//, ''));
    expect(names.toSorted()).toEqual(made.toSorted());
  });

  test('uses every value, and no other', () => {
    const templates = readdirSync(new URL('templates/', CHART)).map((it) =>
      readFileSync(new URL(`templates/${it}`, CHART), 'utf8'),
    );
    const used = templates.flatMap((it) => [...it.matchAll(/\.Values\.([a-zA-Z]+)/g)].map(([, name = '']) => name));
    expect([...new Set(used)].toSorted()).toEqual(Object.keys(VALUES).toSorted());
  });
});

const leaves = (schemas: Readonly<Record<string, ValueSchema>>): [string, ValueSchema][] =>
  Object.entries(schemas).flatMap(([name, it]) =>
    it.properties
      ? leaves(it.properties).map(([path, leaf]): [string, ValueSchema] => [`${name}.${path}`, leaf])
      : [[name, it] as [string, ValueSchema]],
  );

test('only what nobody else can know is asked for', () => {
  const asked = leaves(VALUES).filter(([, it]) => it.default === undefined);
  expect(asked.map(([path]) => path)).toEqual(['image.repository', 'operator.hostname']);
});

test('no value holds a secret', () => {
  expect(leaves(VALUES).filter(([path]) => /password|token|secret(?!s$)|key$/i.test(path))).toEqual([]);
});
