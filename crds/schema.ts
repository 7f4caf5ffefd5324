/**
 * The words a field is declared with: the one file that knows zod.
 *
 * One declaration gives type (`Infer`), validation and the structural schema of a CRD (`openApiOf`). No string, list or
 * map can be declared without a bound: the API server estimates the cost of CEL from the bounds, and memory is held by
 * them. Patterns are RE2 (no look-around), unions are left out because a structural schema has none.
 *
 * What a problem says to people is `problem.ts`'s business; unknown fields are `unknown-fields.ts`'s.
 */
import { z } from 'zod';

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** The type of a declared value, defaults filled in, readonly throughout. */
export type Infer<S extends z.ZodType> = DeepReadonly<z.output<S>>;
export type Schema<T = unknown> = z.ZodType<T>;
export type Shape = z.core.$ZodLooseShape;
export type Issue = z.core.$ZodIssue;

/** A rule over a whole value: as CEL for the API server, as a function for files and tests. Both say the same. */
export interface Rule<T> {
  readonly cel: string;
  readonly message: string;
  readonly holds: (value: T) => boolean;
}

const VALIDATIONS = 'x-kubernetes-validations';
const LIST_TYPE = 'x-kubernetes-list-type';
const OPAQUE = 'x-kubernetes-preserve-unknown-fields';

/** Text of `min` (default 1) to `max` characters; `says` is the problem when `pattern` does not fit. */
export function text(form: { max: number; min?: number; pattern?: RegExp; says?: string }) {
  const bounded = z
    .string()
    .min(form.min ?? 1)
    .max(form.max);
  // Rules beyond the pattern are for text that fits it.
  const says = { abort: true, ...(form.says !== undefined && { error: form.says }) };
  return form.pattern ? bounded.regex(form.pattern, says) : bounded;
}

/** Text in which `never` is not found; for requests, because a structural schema cannot say it. */
export const textWithout = (form: { max: number; min?: number; never: RegExp; says: string }) =>
  text({ max: form.max, ...(form.min !== undefined && { min: form.min }) }).refine(
    (it) => !form.never.test(it),
    form.says,
  );

export const oneOf = <const Words extends readonly string[]>(...words: Words) => z.enum(words);
export const oneNumberOf = <const Numbers extends readonly number[]>(...numbers: Numbers) => z.literal(numbers);
export const integer = (min: number, max: number) => z.int().min(min).max(max);
export const flag = () => z.boolean();
export const object = <S extends Shape>(shape: S) => z.object(shape);

/** An object without any other field; for requests, whose every field must mean something. */
export const closed = <S extends Shape>(shape: S) => z.strictObject(shape);

/** A list of up to `max` entries. */
export const list = <S extends z.ZodType>(entry: S, max: number, min = 0) => z.array(entry).min(min).max(max);

/** A list in which no entry comes twice; several writers may own entries of it. */
export function set<S extends z.ZodType<string>>(entry: S, max: number, min = 0) {
  return z
    .array(entry)
    .min(min)
    .max(max)
    .refine((entries) => new Set(entries).size === entries.length, 'must not name anything twice')
    .meta({ [LIST_TYPE]: 'set' });
}

/** A list of objects told apart by one of their fields; several writers may own entries of it. */
export function listBy<K extends string, S extends z.ZodType<Record<K, string>>>(
  key: K,
  entry: S,
  max: number,
  min = 0,
) {
  return z
    .array(entry)
    .min(min)
    .max(max)
    .refine((entries) => new Set(entries.map((it) => it[key])).size === entries.length, `must not use a ${key} twice`)
    .meta({ [LIST_TYPE]: 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A map of text to text with up to `max` entries. */
export function textMap(max: number, sizes: { key: number; value: number }) {
  return z
    .record(z.string().min(1).max(sizes.key), z.string().max(sizes.value))
    .refine((map) => Object.keys(map).length <= max, `must have at most ${max} entries`)
    .meta({ maxProperties: max });
}

/** A map with up to `max` entries whose keys and values are declared. */
export const mapOf = <K extends z.ZodType<string>, V extends z.ZodType<string>>(key: K, value: V, max: number) =>
  z
    .record(key, value)
    .refine((map) => Object.keys(map).length <= max, `must have at most ${max} entries`)
    .meta({ maxProperties: max });

/** An object whose fields are checked elsewhere, such as a shape of Kubernetes' own. */
export const opaque = () => z.looseObject({}).meta({ [OPAQUE]: true });

/**
 * Adds rules. The value's own shape is checked first; a rule sees only values that have it. A default of such a value
 * must spell out what its rules read: the API server judges it before it fills in the defaults inside.
 */
export function ruled<S extends z.ZodType>(schema: S, ...rules: Rule<z.output<S>>[]): S {
  const checked = schema.superRefine((value, context) => {
    for (const rule of rules)
      if (!rule.holds(value)) context.addIssue({ code: 'custom', message: rule.message, input: value });
  });
  return withValidations(
    checked,
    rules.map(({ cel, message }) => ({ rule: cel, message })),
  );
}

/** Never changes once set. Only the API server holds the older value, so only it can check this. */
export const immutable = <S extends z.ZodType>(schema: S): S =>
  withValidations(schema, [{ rule: 'self == oldSelf', message: 'cannot be changed: make a new resource' }]);

function withValidations<S extends z.ZodType>(schema: S, added: { rule: string; message: string }[]): S {
  const earlier = schema.meta()?.[VALIDATIONS];
  return schema.meta({ [VALIDATIONS]: [...(Array.isArray(earlier) ? earlier : []), ...added] });
}

/** A structural schema as the API server takes it, as far as this project reads it. */
export interface OpenApi {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, OpenApi>>;
  readonly items?: OpenApi;
  readonly [word: string]: unknown;
}

/** The structural schema of a declaration, CEL rules and list types included. */
export function openApiOf(schema: z.ZodType): OpenApi {
  return z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'throw',
    cycles: 'throw',
    override: ({ jsonSchema }) => {
      // A structural schema has either `properties` or `additionalProperties`.
      if (OPAQUE in jsonSchema) delete jsonSchema.additionalProperties;
    },
  }) as OpenApi;
}

/** JSON Schema of what a request may hold, as OpenAPI 3.1 takes it. */
export const jsonSchemaOf = (schema: z.ZodType): object => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'throw',
    cycles: 'throw',
    // Rules are for the API server of a cluster; here their sentence is in the description.
    override: ({ jsonSchema }) => {
      delete jsonSchema[VALIDATIONS];
    },
  });
  return rest;
};
