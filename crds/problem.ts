/**
 * What is wrong with a document, said so that the reader knows what to write instead.
 *
 * A text completes the sentence "the field …". It names words and bounds, and never repeats a value: values of a
 * mistaken document may be secrets put in the wrong place.
 */
import type { Issue } from './schema.ts';

/** `path` as in `spec.listeners[0].port`; empty for the document itself. */
export interface Problem {
  readonly path: string;
  readonly problem: string;
}

export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text && '.'}${fieldText(String(step))}`;
  return text;
}

const fieldText = (name: string): string => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));

/** One issue of the schema as a problem. */
export const problemOf = (issue: Issue): Problem => ({ path: pathText(issue.path), problem: problemText(issue) });

function problemText(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeText(issue.expected, issue.input);
    case 'invalid_value':
      return valueText(issue.values, issue.input);
    case 'too_small':
      return sizeText(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return sizeText(issue.origin, 'at most', issue.maximum);
    case 'invalid_key':
      return 'has a name that is too long or empty';
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'must be text',
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  array: 'must be a list',
};

function typeText(expected: string, input: unknown): string {
  const must = TYPES[expected] ?? 'must be a group of fields';
  if (input === undefined) return `is missing: it ${must}`;
  if (input === null) return `is empty: it ${must}`;
  const isBareWord = expected === 'string' && (typeof input === 'number' || typeof input === 'boolean');
  return isBareWord ? `${must}: put it in quotes` : must;
}

function valueText(values: readonly unknown[], input: unknown): string {
  const must = values.length === 1 ? `must be ${String(values[0])}` : `must be one of ${values.join(', ')}`;
  return input === undefined ? `is missing: it ${must}` : must;
}

function sizeText(origin: string, atLeast: string, bound: number | bigint): string {
  if (origin === 'string' && bound === 1) return 'must not be empty';
  if (origin === 'string') return `must have ${atLeast} ${bound} characters`;
  if (origin === 'array') return bound === 0 ? 'must have no entries' : `must have ${atLeast} ${entries(bound)}`;
  return `must be ${atLeast} ${bound}`;
}

const entries = (count: number | bigint): string => (count === 1 ? '1 entry' : `${count} entries`);
