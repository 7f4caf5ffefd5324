/**
 * Routes of the admin API that say what they are: what the OpenAPI document tells of them is made from them.
 *
 * A body is declared once, as a schema: it is checked against it, and described by it.
 */
import { errorsOf } from '#crds/field-error.ts';
import { type Infer, jsonSchemaOf, type Schema } from '#crds/schema.ts';
import { readJson } from '#lib/http/json.ts';
import { answer, bodyOf, problem as problemAnswer } from '#lib/http/openapi.ts';
import { type Answer, type Asked, problem, type Route } from '#lib/http/server.ts';

/** What the document says of a route. */
export interface Told {
  readonly operationId: string;
  readonly summary: string;
  /** Parameters of its query; those of its path are read from the path. */
  readonly query?: readonly object[];
  /** The schema of its body. */
  readonly body?: Schema;
  /** Name of the schema of its answer. */
  readonly answers: string;
  /** What it may refuse with, beside 401: status and why. */
  readonly refuses?: Readonly<Record<number, string>>;
}

export interface AdminRoute extends Route {
  readonly told: Told;
}

const JSON_TYPE = 'application/json';
/** Commas and brackets of a body. */
const MOST_VALUES = 100;

/** What OpenAPI says of a route. */
export function operationOf({ path, told }: AdminRoute): object {
  const { operationId, summary, query = [], body, answers, refuses = {} } = told;
  const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const refusals = { 401: 'No token, or a wrong one.', ...(body && BODY_REFUSALS), ...refuses };
  return {
    operationId,
    summary,
    parameters: [...named, ...query],
    ...(body && { requestBody: bodyOf({ [JSON_TYPE]: jsonSchemaOf(body) }) }),
    responses: {
      200: answer('As the schema says.', JSON_TYPE, answers),
      ...Object.fromEntries(Object.entries(refusals).map(([status, why]) => [status, problemAnswer(why)])),
    },
  };
}

const BODY_REFUSALS = { 400: 'The body is not JSON.', 422: 'A value is not as it must be: errors says which.' };

type ClosedSchema = Schema & { readonly shape: object };

/** Reads the body by a schema; what does not fit is told field by field. */
export const reading =
  <S extends ClosedSchema>(schema: S, handle: (value: Infer<S>, asked: Asked) => Promise<Answer>): Route['handle'] =>
  async (asked) => {
    const body = readJson(asked.body, MOST_VALUES);
    if (body.kind === 'unreadable') return problem(400, 'Bad Request', body.problem);
    const parsed = schema.safeParse(body.value, { reportInput: true });
    if (parsed.success) return handle(parsed.data as Infer<S>, asked);
    const errors = parsed.error.issues.flatMap((it) => errorsOf(it, schema));
    const [first] = errors;
    const detail = `${first?.pointer.slice(1) ?? ''} ${first?.detail ?? ''}`.trim();
    return problem(422, 'Unprocessable Content', detail, { errors });
  };
