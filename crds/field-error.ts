/**
 * What is wrong with a value of a request, by its JSON pointer. A problem names words and bounds, never the value.
 */
import { suggestion } from './nearest.ts';
import { problemOf } from './problem.ts';
import type { Issue } from './schema.ts';

/** What is wrong with one value; `pointer` as in RFC 6901, '' for the whole request. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

export const pointerOf = (...path: readonly PropertyKey[]): string =>
  path.map((it) => `/${String(it).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** What is wrong with one value, by a schema; names that its outermost object knows are suggested. */
export function errorsOf(issue: Issue, { shape }: { readonly shape: object }): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: pointerOf(...issue.path, key),
      detail: `is not a known field${issue.path.length === 0 ? suggestion(key, Object.keys(shape)) : ''}`,
    }));
  }
  const own = issue.code === 'invalid_key' ? issue.issues[0] : undefined;
  return [{ pointer: pointerOf(...issue.path), detail: own ? own.message : problemOf(issue).problem }];
}
