/**
 * The values as people and Helm read them: values.yaml with comments, the schema, a table. Pure.
 */
import { yamlText } from '#crds/source/yaml.ts';
import { VALUES, type ValueSchema } from './values.ts';

const DEFAULTLESS = Object.freeze({});

/** values.yaml: every value with its default, under what it means. What has no default is asked for. */
export function valuesYaml(): string {
  const head = '# Made from helm/chart/values.ts: `npm run chart` writes it.\n';
  return `${head}\n${Object.entries(VALUES)
    .map(([name, schema]) => lines(name, schema, 0).join('\n'))
    .join('\n\n')}\n`;
}

function lines(name: string, schema: ValueSchema, depth: number): string[] {
  const indent = '  '.repeat(depth);
  const comment = `${indent}# ${schema.description}`;
  if (!schema.properties) return [comment, ...leaf(name, schema, indent)];
  const inner = Object.entries(schema.properties).flatMap(([key, it]) => lines(key, it, depth + 1));
  return [comment, `${indent}${name}:`, ...inner];
}

function leaf(name: string, { default: value = '' }: ValueSchema, indent: string): string[] {
  return yamlText({ [name]: value })
    .trimEnd()
    .split('\n')
    .map((line) => indent + line);
}

/** values.schema.json. Helm hands `global` to every chart, whatever it says. */
export function valuesSchema(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: { global: { type: 'object' }, ...mapped(VALUES) },
    additionalProperties: false,
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

const mapped = (schemas: Readonly<Record<string, ValueSchema>>): object =>
  Object.fromEntries(Object.entries(schemas).map(([name, it]) => [name, strict(it)]));

const strict = (schema: ValueSchema): object =>
  schema.properties ? { ...schema, properties: mapped(schema.properties), additionalProperties: false } : schema;

/** A row a value. */
export const valuesTable = (): string =>
  ['| value | default | meaning |', '|---|---|---|', ...rows(VALUES, []).map((it) => `| ${it.join(' | ')} |`)].join(
    '\n',
  );

const rows = (schemas: Readonly<Record<string, ValueSchema>>, above: readonly string[]): string[][] =>
  Object.entries(schemas).flatMap(([name, schema]) => {
    const path = [...above, name];
    if (schema.properties) return rows(schema.properties, path);
    return [[`\`${path.join('.')}\``, defaultText(schema), schema.description]];
  });

function defaultText(schema: ValueSchema): string {
  const { default: value = DEFAULTLESS } = schema;
  return value === DEFAULTLESS ? '*asked for*' : `\`${JSON.stringify(value)}\``;
}
