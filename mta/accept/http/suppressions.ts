/**
 * The routes of suppressions: a tenant's own list, entry by entry, many at once, and as CSV.
 *
 * What is answered 200 is durable. A list is taken as a whole or, when any of it is wrong, not at all; entries that are
 * there and last longer stay as they are, so that a list never shortens what a person has said. Who changed what is
 * logged.
 */
import { type Answer, type Asked, type Head, json, problem, type Route } from '#lib/http/server.ts';
import { csvRow } from '#lib/csv/csv.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Suppressions } from '../../settle/ledger/suppressions.ts';
import { readSubject, subjectKey, type Suppression } from '../../mail/suppression.ts';
import { type Authority, sharersOf, type Submitter } from '../authority.ts';
import type { ReceivingMemory } from '../memory.ts';
import { allowing, bearerOf, type Handler } from './bearer.ts';
import type { FieldError } from '#crds/field-error.ts';
import { JSON_TYPE, typeOf } from './intake.ts';
import { readJson } from '#lib/http/json.ts';
import { invalid, unreadable, unsupported, unstored } from './problem.ts';
import { readImport } from './suppression-import.ts';
import { COLUMNS, readSuppression, shown } from './suppression-schema.ts';

export const CSV_TYPE = 'text/csv';
/** Entries of a request in JSON, and of a page. */
export const MOST_ENTRIES = 1000;
/** Bytes of a list in CSV: about a hundred thousand entries. */
const MOST_BYTES = 4 * 1024 * 1024;
const USUAL_PAGE = 100;
const MOST_ERRORS = 100;

/** A change that is durable. */
export interface SuppressionChange {
  readonly change: 'suppressed' | 'imported' | 'unsuppressed';
  readonly tenant: string;
  /** Username of the credential. */
  readonly by: string;
  readonly count: number;
  /** For a single entry: which. */
  readonly subject?: string;
}

export interface SuppressionParts {
  readonly authority: Authority;
  readonly suppressions: Suppressions;
  /** Where bodies are held. */
  readonly memory: ReceivingMemory;
  readonly clock: Clock;
  /** Told of each change. Must not throw. */
  readonly changed: (change: SuppressionChange) => void;
  /** Told when the storage failed. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

export function suppressionRoutes(parts: SuppressionParts): Route[] {
  const list = new SuppressionList(parts);
  const allowed = (handle: Handler) => {
    const guarded: Handler = async (submitter, asked) => {
      try {
        return await handle(submitter, asked);
      } catch (thrown) {
        parts.troubled(thrown);
        return unstored(thrown);
      }
    };
    return allowing(parts.authority, 'Suppressions', guarded);
  };
  const carrier = {
    bodyLimit: (): number => MOST_BYTES,
    room: (head: Head) => parts.memory.hold(() => sharersOf(bearerOf(head))),
  };
  const path = '/v1/suppressions';
  const one = `${path}/:subject`;
  return [
    { method: 'GET', path, ...allowed((submitter, asked) => list.show(submitter, asked)) },
    { method: 'POST', path, ...carrier, ...allowed((submitter, asked) => list.add(submitter, asked)) },
    { method: 'GET', path: one, ...allowed((submitter, asked) => list.showOne(submitter, asked)) },
    { method: 'PUT', path: one, ...allowed((submitter, asked) => list.put(submitter, asked)) },
    { method: 'DELETE', path: one, ...allowed((submitter, asked) => list.remove(submitter, asked)) },
  ];
}

class SuppressionList {
  readonly #parts: SuppressionParts;

  constructor(parts: SuppressionParts) {
    this.#parts = parts;
  }

  async show({ tenant }: Submitter, asked: Asked): Promise<Answer> {
    if (asked.header('accept').includes(CSV_TYPE)) return this.#export(tenant);
    const address = asked.query.get('address');
    if (address !== null) return this.#matching(tenant, address);
    const limit = Number(asked.query.get('limit') ?? USUAL_PAGE);
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST_ENTRIES)
      return invalid([{ pointer: '', detail: `limit must be a number from 1 to ${MOST_ENTRIES}` }]);
    const page = await this.#parts.suppressions.list(tenant, { after: asked.query.get('after') ?? '', limit });
    const last = page.length === limit ? page.at(-1) : undefined;
    return json({ suppressions: page.map(shown), ...(last && { next: subjectKey(last.subject) }) });
  }

  async showOne({ tenant }: Submitter, { parameters }: Asked): Promise<Answer> {
    const entry = await this.#parts.suppressions.find(tenant, subjectOf(parameters));
    return entry ? json(shown(entry)) : UNKNOWN;
  }

  async put({ tenant, username }: Submitter, asked: Asked): Promise<Answer> {
    const subject = subjectOf(asked.parameters);
    const body = asked.body.length === 0 ? { kind: 'json' as const, value: {} } : readJson(asked.body, MOST_ENTRIES);
    if (body.kind === 'unreadable') return unreadable(body.problem);
    const named = { [subject.includes('@') ? 'address' : 'domain']: subject, ...(body.value as object) };
    const reading = readSuppression(named, 'api', this.#parts.clock.now());
    if (reading.kind === 'invalid') return invalid(reading.errors);
    if (reading.suppression.subject !== subject)
      return invalid([{ pointer: '', detail: 'names another than the path' }]);
    await this.#parts.suppressions.replace(tenant, reading.suppression);
    this.#parts.changed({ change: 'suppressed', tenant, by: username, count: 1, subject: reading.suppression.subject });
    return json(shown(reading.suppression));
  }

  async add(submitter: Submitter, asked: Asked): Promise<Answer> {
    const type = typeOf(asked);
    if (type === CSV_TYPE) return this.#import(submitter, asked);
    if (type !== JSON_TYPE) return unsupported(JSON_TYPE, CSV_TYPE);
    const body = readJson(asked.body, MOST_ENTRIES * 8);
    if (body.kind === 'unreadable') return unreadable(body.problem);
    const { value } = body;
    if (!Array.isArray(value) || value.length === 0 || value.length > MOST_ENTRIES)
      return invalid([{ pointer: '', detail: `must be a list of 1 to ${MOST_ENTRIES} suppressions` }]);
    const { entries, errors } = readAll(value, this.#parts.clock.now());
    return errors.length > 0 ? invalid(errors.slice(0, MOST_ERRORS)) : this.#suppress(submitter, entries, 'suppressed');
  }

  async remove({ tenant, username }: Submitter, { parameters }: Asked): Promise<Answer> {
    const entry = await this.#parts.suppressions.unsuppress(tenant, subjectOf(parameters));
    if (!entry) return UNKNOWN;
    this.#parts.changed({ change: 'unsuppressed', tenant, by: username, count: 1, subject: entry.subject });
    return json(shown(entry));
  }

  async #import(submitter: Submitter, asked: Asked): Promise<Answer> {
    const reading = await readImport(asked.body, this.#parts.clock.now());
    if (reading.kind === 'list') return this.#suppress(submitter, reading.suppressions, 'imported');
    const detail = 'nothing was imported: errors says which lines are wrong';
    return problem(422, 'Unprocessable Content', detail, { errors: reading.errors });
  }

  async #suppress(
    { tenant, username }: Submitter,
    entries: readonly Suppression[],
    change: SuppressionChange['change'],
  ): Promise<Answer> {
    await this.#parts.suppressions.suppress(tenant, entries);
    this.#parts.changed({ change, tenant, by: username, count: entries.length });
    return json({ count: entries.length });
  }

  /** What keeps mail from an address: its own entry, or that of its domain. */
  async #matching(tenant: string, address: string): Promise<Answer> {
    const reading = readSubject(address);
    if (reading.kind === 'problem') return invalid([{ pointer: '', detail: `address: ${reading.problem}` }]);
    const entry = await this.#parts.suppressions.match(tenant, reading.subject);
    return json({ suppressions: entry ? [shown(entry)] : [] });
  }

  #export(tenant: string): Answer {
    return { status: 200, contentType: `${CSV_TYPE}; charset=utf-8`, body: '', pieces: this.#rows(tenant) };
  }

  async *#rows(tenant: string): AsyncGenerator<string> {
    yield csvRow(COLUMNS);
    for (let after: string | undefined = ''; after !== undefined;) {
      const page: readonly Suppression[] = await this.#parts.suppressions.list(tenant, { after, limit: MOST_ENTRIES });
      if (page.length > 0) yield page.map(rowOf).join('');
      after = page.length === MOST_ENTRIES ? subjectKey(page.at(-1)?.subject ?? '') : undefined;
    }
  }
}

const UNKNOWN = problem(404, 'Not Found', 'this address or domain is not suppressed');

/** In its one form; what has none is nobody's entry. */
function subjectOf({ subject = '' }: Readonly<Record<string, string>>): string {
  const reading = readSubject(subject);
  return reading.kind === 'subject' ? reading.subject : subject;
}

function readAll(values: readonly unknown[], now: number): { entries: Suppression[]; errors: FieldError[] } {
  const entries: Suppression[] = [];
  const errors: FieldError[] = [];
  for (const [at, value] of values.entries()) {
    const reading = readSuppression(value, 'api', now);
    if (reading.kind === 'suppression') entries.push(reading.suppression);
    else errors.push(...reading.errors.map(({ pointer, detail }) => ({ pointer: `/${at}${pointer}`, detail })));
  }
  return { entries, errors };
}

function rowOf(entry: Suppression): string {
  const fields = shown(entry);
  return csvRow(COLUMNS.map((column) => fields[column] ?? ''));
}
