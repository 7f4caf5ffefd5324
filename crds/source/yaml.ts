/**
 * The text of a YAML file becomes documents, each with the lines its fields stand on: the one user of `yaml`.
 *
 * And the other way: a value becomes a text that reads back as the same.
 *
 * Strict: a key given twice, an unknown tag and a bomb of aliases are problems. Never throws.
 */
import { LineCounter, type Document, isNode, parseAllDocuments, stringify } from 'yaml';

export interface YamlDocument {
  readonly value: unknown;
  /** Line, from 1, of the field at a path such as `spec.listeners[0].port`, or of the nearest thing around it. */
  lineOf(path: string): number;
}

export interface YamlProblem {
  readonly line: number;
  readonly problem: string;
}

/** No line is folded and nothing is an alias: what changed shows line by line. */
export const yamlText = (value: object): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** Documents in order, empty ones left out; or all that is wrong with the text. */
export function parseYaml(text: string): { documents: readonly YamlDocument[]; problems: readonly YamlProblem[] } {
  try {
    return parse(text);
  } catch {
    // Nesting of ten thousand levels exhausts the stack of any recursive parser.
    return { documents: [], problems: [{ line: 1, problem: 'is nested too deeply to be read' }] };
  }
}

function parse(text: string): { documents: readonly YamlDocument[]; problems: readonly YamlProblem[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const documents: YamlDocument[] = [];
  const problems: YamlProblem[] = [];
  // Of an empty text the parser gives no documents but an empty marker, which is iterable too.
  for (const document of parsed as Document.Parsed[]) {
    const wrong = [...document.errors, ...document.warnings];
    problems.push(
      ...wrong.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, problem: yamlProblem(message) })),
    );
    if (wrong.length > 0 || document.contents === null) continue;
    const value = valueOf(document);
    if (value.kind === 'bomb') problems.push({ line: lineAt(document, lines, []), problem: 'uses too many aliases' });
    else if (value.value !== null)
      documents.push({ value: value.value, lineOf: (path) => lineAt(document, lines, stepsOf(path)) });
  }
  return { documents, problems };
}

const yamlProblem = (message: string): string => `is not valid YAML: ${message}`;

function valueOf(document: Document.Parsed): { kind: 'value'; value: unknown } | { kind: 'bomb' } {
  try {
    return { kind: 'value', value: document.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (thrown) {
    if (thrown instanceof ReferenceError) return { kind: 'bomb' };
    throw thrown;
  }
}

function lineAt(document: Document.Parsed, lines: LineCounter, steps: readonly (string | number)[]): number {
  for (let depth = steps.length; depth >= 0; depth -= 1) {
    const node: unknown = depth === 0 ? document.contents : document.getIn(steps.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** `spec.listeners[0].port` → spec, listeners, 0, port; a quoted step is a name with other characters. */
function stepsOf(path: string): (string | number)[] {
  const steps = path.matchAll(/\[(\d+)\]|("(?:[^"\\]|\\.)*")|([^.[\]"]+)/g);
  return Array.from(steps, ([, index, quoted, name]) =>
    index === undefined ? (quoted === undefined ? (name ?? '') : String(JSON.parse(quoted))) : Number(index),
  );
}
