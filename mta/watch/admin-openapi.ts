/**
 * The OpenAPI 3.1 document of the admin API, made of what its routes say of themselves.
 */
import { integer, listOf, objectOf, problemSchema, text } from '#lib/http/openapi.ts';
import { json, type Route } from '#lib/http/server.ts';
import { type AdminRoute, operationOf } from './admin-route.ts';

const PATH = '/v1/openapi.json';

/** The routes, and the one that describes them. */
export function withDocument(routes: readonly AdminRoute[]): Route[] {
  const told: AdminRoute = {
    method: 'GET',
    path: PATH,
    told: { operationId: 'describe', summary: 'This document.', answers: 'Anything' },
    handle: async () => document,
  };
  const all = [...routes, told];
  const document = json({
    openapi: '3.1.0',
    info: { title: 'Postfleet, for operators', version: 'v1', description: 'Looks at mail, and acts on what waits.' },
    security: [{ token: [] }],
    paths: pathsOf(all),
    components: {
      schemas: { ...schemas, Problem: problemSchema },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'What the file admin-token of the data folder holds.' },
      },
    },
  });
  return all;
}

function pathsOf(routes: readonly AdminRoute[]): Readonly<Record<string, object>> {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return paths;
}

const flag = { type: 'boolean' };
const anything = { type: 'object', additionalProperties: true };
/** Of a cluster: which parts of the queue gave no answer, and why. */
const missing = listOf(text);
const counts = { type: 'object', additionalProperties: integer };
const matter = { tenant: text, pool: text, domain: text, site: text };
const suspension = objectOf(
  { id: text, about: objectOf(matter), until: integer, why: text, by: text, at: integer },
  'id',
  'about',
  'why',
  'by',
  'at',
);
const record = {
  no: integer,
  v: integer,
  at: integer,
  by: text,
  operation: text,
  stage: { type: 'string', enum: ['begun', 'done'] },
  about: objectOf({ ...matter, message: text }),
  recipients: integer,
  why: text,
  until: integer,
  to: text,
  subject: text,
  suspensions: listOf(text),
};

const suppression = objectOf(
  { subject: text, reason: text, source: text, createdAt: integer, expiresAt: integer },
  'subject',
  'reason',
  'source',
  'createdAt',
);
const row = {
  tenant: text,
  domain: text,
  site: text,
  depth: integer,
  suspended: integer,
  oldest: integer,
  isExact: flag,
  next: integer,
  reply: text,
  waitsFor: text,
};

/** Times are milliseconds since 1970. What is about mail itself has the fields of its events, and is left open here. */
const schemas = {
  Anything: anything,
  Queue: objectOf(
    {
      rows: listOf(objectOf(row, 'tenant', 'domain', 'site', 'depth', 'suspended', 'isExact', 'waitsFor')),
      recipients: integer,
      more: integer,
      next: text,
      sites: listOf(anything),
      moreSites: integer,
      connections: integer,
      missing,
      suspensions: listOf(suspension),
      restraints: listOf(anything),
    },
    'rows',
    'recipients',
    'more',
  ),
  Live: objectOf(
    { at: integer, counts, processes: { type: 'object', additionalProperties: counts }, missing },
    'at',
    'counts',
  ),
  Explanation: objectOf({ recipient: text, ways: listOf(anything), worker: text, missing }, 'recipient', 'ways'),
  Suppression: suppression,
  Suppressions: objectOf({ suppressions: listOf(suppression), next: text }, 'suppressions'),
  Suspensions: objectOf({ suspensions: listOf(suspension) }, 'suspensions'),
  Done: objectOf(
    {
      dryRun: flag,
      recipients: integer,
      lanes: integer,
      suspensions: listOf(suspension),
      stillHeldBy: listOf(suspension),
      missing,
    },
    'dryRun',
    'recipients',
    'lanes',
  ),
  Audit: objectOf(
    { records: listOf(objectOf(record, 'no', 'v', 'at', 'by', 'operation', 'stage', 'about', 'recipients')) },
    'records',
  ),
};
