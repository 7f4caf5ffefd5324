/**
 * The HTTP API over a real server and a real queue, with a small world of tenants, domains and credentials.
 */
import { onTestFinished } from 'vitest';
import { type Sample, sample } from '#crds/sample.ts';
import { openHttp } from '#lib/http/server.ts';
import { tokenOf } from '#lib/keyring/verifier.ts';
import { apiRoutes } from '#mta/accept/http/api.ts';
import { ReceivingMemory } from '#mta/accept/memory.ts';
import type { SuppressionChange } from '#mta/accept/http/suppressions.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import { SqliteReturned } from '#mta/settle/ledger/sqlite-returned.ts';
import { noSpace } from '#mta/accept/submitted.ts';
import { openTestStorage } from './queue.ts';
import { openSubmissions } from './submissions.ts';
import { worldOf } from './world.ts';

const LOCAL = { name: 'local', namespace: 'default' };
const ALL_SCOPES = { scopes: ['Submit', 'Events', 'Suppressions'] };
const credential = (name: string, spec: object = ALL_SCOPES, namespace = 'default'): Sample =>
  sample('SendingCredential', { clusterRef: LOCAL, ...spec }, { name, namespace });
const domain = (name: string, spec: object = {}): Sample =>
  sample('SendingDomain', { domain: name, verification: 'Skip', ...spec }, { name });

const WORLD = [
  credential('app'),
  credential('submit', { scopes: ['Submit'] }),
  credential('events', { scopes: ['Events'] }),
  credential('smtp', { protocols: ['SMTP'] }),
  credential('stopped', { suspend: true }),
  credential('small', { quota: { perHour: 1 } }),
  credential('two', { quota: { perHour: 2 } }),
  credential('slow', { rate: { count: 1, perSeconds: 60 } }),
  credential('other', ALL_SCOPES, 'shop'),
  sample(
    'SendingDomain',
    { domain: 'shop.example', verification: 'Skip', poolRef: { name: 'main', namespace: 'default' } },
    { name: 'shop.example', namespace: 'shop' },
  ),
  domain('example.com'),
  domain('stopped.example', { suspend: true }),
  domain('unproven.example', { verification: 'Required' }),
  domain('keyless.example'),
];

/** What a message may have. */
const LIMITS = { messageBytes: 100_000, recipients: 3 };

export type OpenedApi = Awaited<ReturnType<ReturnType<typeof openTestApi>>>;

/** To be called once, outside of tests; each call of what it answers begins afresh. */
export function openTestApi() {
  const openQueue = openTestStorage();
  return () => open(openQueue);
}

async function open(openQueue: ReturnType<typeof openTestStorage>) {
  const resources = worldOf(...WORLD);
  const cancelled: MailEvent[] = [];
  const changes: SuppressionChange[] = [];
  const opened = await openSubmissions(openQueue, () => resources, {
    verify: async (_, secret) => {
      if (secret === 'locked') return { kind: 'locked', retryAfter: 60_000 };
      return secret === 'busy' ? { kind: 'busy' } : secret === 'right';
    },
    hasKey: ({ spec }) => spec.domain !== 'keyless.example',
  });
  const { clock, storage, suppressions, authority, submissions, told } = opened;
  const trace = async (id: string) => (await storage.events()).filter((it) => it.message === id);
  const space = { isThere: true };
  const memory = new ReceivingMemory(() => 1_000_000);
  const routes = apiRoutes({
    authority,
    submissions,
    limits: () => LIMITS,
    memory,
    putOff: () => (space.isThere ? undefined : noSpace),
    queue: storage.queue,
    trace,
    copies: (id) => new SqliteReturned(storage.database).copies(id),
    tell: (event) => cancelled.push(event),
    domainStatus: async (resource) => ({
      resource,
      domain: resource.slice(resource.indexOf('/') + 1),
      standing: 'verified',
      conditions: [],
      records: [],
    }),
    suppressions,
    clock,
    changed: (change) => changes.push(change),
    troubled: () => undefined,
  });
  const server = await openHttp({ name: 'api', setting: 'x', host: '127.0.0.1', port: 0, routes });
  onTestFinished(() => server.close());
  return { server, clock, memory, space, storage, told, cancelled, changes, suppressions, routes };
}

export const JSON_TYPE = 'application/json';
export const MESSAGE = {
  from: { address: 'a@example.com' },
  to: [{ address: 'b@dest.test' }],
  subject: 'hello',
  text: 'body',
};

export interface Asking {
  readonly user?: string;
  readonly secret?: string;
  readonly method?: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export async function ask({ server }: { server: { url: string } }, path: string, asking: Asking = {}) {
  const { user = 'default.app', secret = 'right', method = 'POST', type = JSON_TYPE, headers = {}, body } = asking;
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${tokenOf(user, secret)}`, 'content-type': type, ...headers },
    ...(text !== undefined && { body: text }),
  });
  const said = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, headers: response.headers, type: response.headers.get('content-type'), said };
}

export const PROBLEM = 'application/problem+json; charset=utf-8';
export const submit = (opened: OpenedApi, over: object = {}, asking: Asking = {}) =>
  ask(opened, '/v1/messages', { body: { ...MESSAGE, ...over }, ...asking });
