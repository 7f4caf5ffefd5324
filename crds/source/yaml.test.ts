import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseYaml } from './yaml.ts';

const TEXT = `# a newcomer's comment
kind: IPPool
spec:
  members:
    - name: one
      "odd.name": 1
---
kind: Other
`;

it.each([
  ['', 2],
  ['kind', 2],
  ['spec.members', 5],
  ['spec.members[0].name', 5],
  ['spec.members[0]."odd.name"', 6],
  ['spec.members[0].absent', 5],
  ['spec.absent.deeper', 4],
])('finds the line of %j, or of what is nearest', (path, line) => {
  expect(parseYaml(TEXT).documents[0]?.lineOf(path)).toBe(line);
});

it('reads several documents, each with its lines', () => {
  const { documents } = parseYaml(TEXT);
  expect(documents.map(({ value }) => (value as { kind: string }).kind)).toEqual(['IPPool', 'Other']);
  expect(documents[1]?.lineOf('kind')).toBe(8);
});

it.each(['', '\n', '# nothing\n', '---\n---\n', '~\n'])('finds no document in %j', (text) => {
  expect(parseYaml(text)).toEqual({ documents: [], problems: [] });
});

it('gives back every value that was written', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.jsonValue()), (value) => {
      const read = parseYaml(stringify(value)).documents[0]?.value;
      expect(JSON.stringify(read)).toBe(JSON.stringify(value));
    }),
  );
});

it('never throws, whatever the text', () => {
  const yamlish = fc.string({
    unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', '{', '&', '*', '!', '"', '|', '%', '#', '}', ']'),
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), yamlish), (text) => {
      for (const { line } of parseYaml(text).problems) expect(line).toBeGreaterThan(0);
    }),
  );
});
