import { expect, test } from 'vitest';
import { leaderRules, operatorRules } from './rights.ts';

const all = [...operatorRules('postfleet-pods'), ...leaderRules()];

test('no rule is for everything of anything', () => {
  expect(all.flatMap((it) => [it.apiGroups, it.resources, it.verbs].flat()).filter((it) => it.includes('*'))).toEqual(
    [],
  );
});

test('nobody is given the right to give rights, or to act as somebody else', () => {
  const verbs = new Set(all.flatMap((it) => it.verbs));
  expect(['escalate', 'bind', 'impersonate', 'deletecollection'].filter((it) => verbs.has(it))).toEqual([]);
});
