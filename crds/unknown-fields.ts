/**
 * Fields that no schema knows: what the API server would silently drop, a file must not contain.
 *
 * Walks the document along the structural schema, so that both judge by the same words.
 */
import { suggestion } from './nearest.ts';
import { type Problem, pathText } from './problem.ts';
import type { OpenApi } from './schema.ts';

/** Every unknown field, with the known one it resembles. Paths in `passedOver` are known and not looked into. */
export function unknownFields(schema: OpenApi, document: unknown, passedOver: readonly string[]): Problem[] {
  const found: Problem[] = [];
  walk(schema, document, []);
  return found;

  function walk(at: OpenApi, value: unknown, path: readonly (string | number)[]): void {
    if (Array.isArray(value)) value.forEach((entry: unknown, index) => walk(at.items ?? {}, entry, [...path, index]));
    else if (at.properties && !at['x-kubernetes-preserve-unknown-fields'] && isObject(value))
      for (const [name, inner] of Object.entries(value)) step(at.properties, name, inner, [...path, name]);
  }

  function step(
    known: Readonly<Record<string, OpenApi>>,
    name: string,
    value: unknown,
    path: readonly (string | number)[],
  ): void {
    if (passedOver.includes(path.join('.'))) return;
    const inner = Object.hasOwn(known, name) ? known[name] : undefined;
    if (inner) walk(inner, value, path);
    else found.push({ path: pathText(path), problem: `is not a known field${suggestion(name, Object.keys(known))}` });
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
