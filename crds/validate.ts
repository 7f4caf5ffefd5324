/**
 * A document becomes a typed resource, defaults filled in, or the list of all that is wrong with it.
 *
 * The same for a file, for the API and in tests. What shows only between documents (references, duplicates) is not
 * judged here.
 */
import { type AnyResource, KINDS, type Kind, isKind } from './kinds.ts';
import { suggestion } from './nearest.ts';
import { type Problem, problemOf } from './problem.ts';
import { API_VERSION, SERVER_FIELDS } from './resource.ts';
import { type OpenApi, openApiOf } from './schema.ts';
import { unknownFields } from './unknown-fields.ts';

export type Validated =
  | { readonly kind: 'valid'; readonly resource: AnyResource }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

/** Never throws. `document` is what a YAML or JSON parser gave. */
export function validate(document: unknown): Validated {
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    return invalid({ path: '', problem: 'must be a resource with apiVersion, kind, metadata and spec' });
  const kind: unknown = 'kind' in document ? document.kind : undefined;
  if (!isKind(kind)) return invalid(...apiVersionProblems(document), kindProblem(kind));
  const problems = unknownFields(structureOf(kind), document, SERVER_FIELDS);
  const parsed = KINDS[kind].safeParse(document, { reportInput: true });
  if (parsed.success && problems.length === 0) return { kind: 'valid', resource: parsed.data };
  for (const problem of (parsed.error?.issues ?? []).map(problemOf))
    if (!isTold(problem, problems)) problems.push(problem);
  return invalid(...problems);
}

/** A pattern and a rule may refuse the same text in the same words. */
const isTold = ({ path, problem }: Problem, told: readonly Problem[]): boolean =>
  told.some((it) => it.path === path && it.problem === problem);

const invalid = (...problems: readonly Problem[]): Validated => ({ kind: 'invalid', problems });

function apiVersionProblems(document: object): Problem[] {
  const given: unknown = 'apiVersion' in document ? document.apiVersion : undefined;
  return given === API_VERSION ? [] : [{ path: 'apiVersion', problem: `must be ${API_VERSION}` }];
}

function kindProblem(given: unknown): Problem {
  const known = Object.keys(KINDS);
  const meant = typeof given === 'string' ? suggestion(given, known) : '';
  return { path: 'kind', problem: `must be one of ${known.join(', ')}${meant}` };
}

const structures = new Map<Kind, OpenApi>();

function structureOf(kind: Kind): OpenApi {
  const known = structures.get(kind) ?? openApiOf(KINDS[kind]);
  structures.set(kind, known);
  return known;
}
