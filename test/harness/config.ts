/**
 * A folder of resources for a test: one of `examples/`, on ports of its own, with the test's changes.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePorts } from './ports.ts';
import type { Stage } from './stage.ts';

/** Fields to change, at any depth; objects are merged, lists are replaced, `undefined` removes. */
export interface Change {
  readonly [field: string]: unknown;
}

interface Document extends Change {
  readonly kind: string;
}

export interface Ports {
  readonly submission: number;
  readonly submissions: number;
  /** The HTTP API. */
  readonly api: number;
  /** Where mail for every `.test` domain goes. */
  readonly receiver: number;
}

const examples = new URL('../../examples/', import.meta.url);

export class ConfigFolder {
  readonly path: string;
  readonly ports: Ports;

  private constructor(path: string, ports: Ports) {
    this.path = path;
    this.ports = ports;
  }

  /** The example's files, with `changes` by kind; from another checkout's examples if `folder` is given. */
  static async from(
    stage: Stage,
    example: 'standalone' | 'bench',
    changes: Readonly<Record<string, Change>> = {},
    folder = examples,
  ): Promise<ConfigFolder> {
    const [submission = 0, submissions = 0, api = 0, receiver = 0] = await freePorts(4);
    const path = join(stage.folder('config'), example);
    mkdirSync(path);
    const config = new ConfigFolder(path, { submission, submissions, api, receiver });
    const from = new URL(`${example}/`, folder);
    for (const file of readdirSync(from))
      config.write(file, config.#onOwnPorts(readFileSync(new URL(file, from), 'utf8')));
    for (const [kind, change] of Object.entries(changes)) config.change(kind, change);
    return config;
  }

  /** Changes the one resource of a kind. */
  change(kind: string, change: Change): void {
    const file = this.#fileOf(kind);
    this.write(file, stringify(merge(this.#read(file), change)));
  }

  /** A file, whole at once, as an editor that renames would leave it. */
  write(file: string, text: string): void {
    const beside = join(this.path, '..', `${basename(file)}.new`);
    writeFileSync(beside, text);
    renameSync(beside, join(this.path, file));
  }

  read(file: string): string {
    return readFileSync(join(this.path, file), 'utf8');
  }

  #fileOf(kind: string): string {
    const file = readdirSync(this.path).find((it) => this.#read(it).kind === kind);
    if (file === undefined) throw new Error(`${this.path} has no ${kind}`);
    return file;
  }

  #read(file: string): Document {
    return parse(this.read(file)) as Document;
  }

  #onOwnPorts(text: string): string {
    const { submission, submissions, api, receiver } = this.ports;
    const own: Readonly<Record<string, number>> = { 2525: submission, 2465: submissions, 8080: api, 2626: receiver };
    return text.replaceAll(/\b(?:2525|2465|8080|2626)\b/g, (port) => String(own[port]));
  }
}

const isObject = (value: unknown): value is Change =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merge(into: Change, change: Change): Change {
  const merged = { ...into };
  for (const [field, value] of Object.entries(change)) {
    const old = merged[field];
    merged[field] = isObject(value) && isObject(old) ? merge(old, value) : value;
  }
  return merged;
}
