import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Asked, json, openHttp, type Route } from '#lib/http/server.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { aMessage, openTestStorage } from '../../test/harness/queue.ts';
import { openSettler } from '../../test/harness/settler.ts';
import { queuedEvents } from '../mail/event.ts';
import type { Lease } from '../queue/queue.ts';
import { QUEUED_IDS } from '../queue/sqlite/tables.ts';
import { reply } from '../mail/reply.ts';
import { recordEvent, SqliteLedger } from '../settle/ledger/sqlite.ts';
import { askAdmin, publishAdminUrl, tokenFile } from './admin-client.ts';
import { adminRoutes } from './admin.ts';
import { queueCommand } from './queue.ts';
import { followCommand, traceCommand } from './trace.ts';
import { until } from '../../test/harness/until.ts';

const openQueue = openTestStorage();
const LANE = 'default default/main dest.test';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'postfleet-admin-'));
});
afterEach(() => rmSync(data, { recursive: true }));

/** A running admin API as the data folder would name it. */
async function serve(routes: readonly Route[], token = 'token'): Promise<void> {
  const server = await openHttp({
    name: 'admin',
    setting: '--admin',
    host: '127.0.0.1',
    port: 0,
    token: async () => token,
    routes,
  });
  onTestFinished(() => server.close());
  await publishAdminUrl(data, server.url);
  writeFileSync(tokenFile(data), 'token\n');
}

async function open() {
  const clock = new FakeClock();
  const storage = await openQueue(clock);
  const { queue, database } = storage;
  const ledger = await SqliteLedger.open({ database, clock, queued: QUEUED_IDS });
  onTestFinished(() => ledger.close());
  const { claim, settler } = await openSettler(storage, clock);
  await serve(
    adminRoutes({ ledger, pendingOf: async (message) => ({ found: await queue.list({ message }, 100), missing: [] }) }),
  );
  const lease = async (): Promise<Lease[]> => queue.lease(claim, LANE, 10, minutes(1));
  return { clock, queue, database, settler, lease };
}

const trace = async (id: string, asJson = false): Promise<string> => {
  const printed: string[] = [];
  await traceCommand(id, { data, json: asJson }, (text) => printed.push(text));
  return printed.join('\n');
};

describe('a trace', () => {
  test('has a line per event and one per recipient that still waits', async () => {
    const { clock, queue, settler, lease } = await open();
    await queue.put(aMessage({ id: '01m', recipients: ['b@dest.test', 'c@dest.test', 'd@dest.test'] }));
    clock.advance(seconds(1));
    const [first, second] = await lease();
    const where = { host: 'mx.dest.test [192.0.2.1]:25', source: '192.0.2.9', tls: 'TLSv1.3', took: 12 };
    const attempt = { stage: 'dot', own: false, inDoubt: false } as const;
    if (first) settler.settle(first, { ...attempt, reply: reply(250, '2.0.0', 'ok'), ...where });
    if (second) settler.settle(second, { ...attempt, reply: reply(451, '4.7.1', 'later') });
    await settler.flush();
    const [, , , ...lines] = (await trace('01m')).split('\n');
    expect(lines).toEqual([
      '2026-01-01T00:00:01.000Z delivered b@dest.test  250 2.0.0 ok, by mx.dest.test [192.0.2.1]:25, from 192.0.2.9, ' +
        'over TLSv1.3, in 12 ms',
      '2026-01-01T00:00:01.000Z deferred  c@dest.test  451 4.7.1 later, Unclassified (none), next try 2026-01-01T00:15:01.000Z',
      'waiting    c@dest.test: 1 attempts so far, next try 2026-01-01T00:15:01.000Z',
      'leased     d@dest.test: 0 attempts so far',
    ]);
  });

  test('begins with what was accepted from whom', async () => {
    const { queue } = await open();
    const message = aMessage({ id: '01m' });
    await queue.put(message);
    const [line] = (await trace('01m')).split('\n');
    expect(line).toBe(
      `2026-01-01T00:00:00.000Z queued    b@dest.test  from <a@example.com>, ${message.raw.length} bytes`,
    );
  });

  test('is JSON for programs', async () => {
    const { queue } = await open();
    const message = aMessage({ id: '01m' });
    await queue.put(message);
    expect(JSON.parse(await trace('01m', true))).toMatchObject({
      id: '01m',
      events: queuedEvents(message),
      pending: [{ recipient: 'b@dest.test', state: 'waiting' }],
    });
  });

  test.each(['01m', '', '../queue', 'a b', 'x?y#z', '%'])('of what nobody knows is refused: %j', async (id) => {
    await open();
    await expect(trace(id)).rejects.toMatchObject({ code: 'refused' });
  });

  test('still tells of a message of which nothing is queued any more', async () => {
    const { database } = await open();
    await database.write(queuedEvents(aMessage({ id: '01m' })).map(recordEvent));
    expect((await trace('01m')).split('\n')).toHaveLength(1);
  });
});

test('a trace is followed until every recipient has ended, each event printed once', async () => {
  const { clock, queue, settler, lease } = await open();
  await queue.put(aMessage({ id: '01m' }));
  const printed: string[] = [];
  const following = followCommand('01m', { data }, (text) => printed.push(text), clock);
  await until('the first event', () => printed.length === 1);
  const [held] = await lease();
  if (!held) throw new Error('nothing leased');
  settler.settle(held, { stage: 'dot', own: false, inDoubt: false, reply: reply(250, '2.0.0', 'taken') });
  await settler.flush();
  await until('it looks again', async () => {
    clock.advance(seconds(10));
    return printed.length === 2;
  });
  await following;
  expect(printed.map((it) => it.split(' ')[1])).toEqual(['queued', 'delivered']);
});

describe('asking', () => {
  const notRunning = { code: 'not-running', message: expect.stringContaining('npm start') };

  test('a folder that was never used says how to start', async () => {
    await expect(askAdmin({ data }, '/v1/queue')).rejects.toMatchObject(notRunning);
  });

  test('where nobody answers any more says how to start', async () => {
    await publishAdminUrl(data, 'http://127.0.0.1:1');
    writeFileSync(tokenFile(data), 'token\n');
    await expect(askAdmin({ data }, '/v1/queue')).rejects.toMatchObject(notRunning);
  });

  test('with a token that is not the right one says so, without the token', async () => {
    await serve([], 'another');
    await expect(askAdmin({ data }, '/v1/queue')).rejects.toMatchObject({
      code: 'refused',
      message: expect.not.stringMatching(/\btoken\n|another/),
    });
  });

  test('from elsewhere takes an address and a file with the token', async () => {
    await serve([{ method: 'GET', path: '/v1/live', handle: async () => json({ at: 1 }) }]);
    const url = readFileSync(join(data, 'admin-url'), 'utf8').trim();
    const elsewhere = { data: join(data, 'nothing'), admin: `${url}/`, token: tokenFile(data) };
    expect(await askAdmin(elsewhere, '/v1/live')).toEqual({ at: 1 });
    await expect(askAdmin({ ...elsewhere, token: '/nowhere' }, '/v1/live')).rejects.toMatchObject({
      code: 'not-running',
      message: expect.stringContaining('--token'),
    });
  });

  test('every row of a long queue comes page by page', async () => {
    const handle = async ({ query }: Asked) => {
      const after = query.get('after') ?? '';
      const rows = [{ tenant: 'shop', domain: `${after}x`, depth: 1, waitsFor: '' }];
      return json({ rows, ...(after.length < 2 && { next: `${after}x` }) });
    };
    await serve([{ method: 'GET', path: '/v1/queue', handle }]);
    const printed: string[] = [];
    await queueCommand({ data, json: true, whole: true }, (text) => printed.push(text), 0);
    expect(printed.map((it) => (JSON.parse(it) as { domain: string }).domain)).toEqual(['x', 'xx', 'xxx']);
  });

  test('what is short is printed, and is a fault that says what it lacks', async () => {
    const missing = ['shard 3: no worker answers for it'];
    const state = {
      rows: [],
      recipients: 0,
      more: 0,
      sites: [],
      moreSites: 0,
      suspensions: [],
      restraints: [],
      missing,
    };
    await serve([{ method: 'GET', path: '/v1/queue', handle: async () => json(state) }]);
    const printed: string[] = [];
    await expect(queueCommand({ data, json: true }, (text) => printed.push(text), 0)).rejects.toMatchObject({
      code: 'answer-incomplete',
      message: expect.stringContaining('shard 3'),
    });
    expect(printed.map((it) => JSON.parse(it) as object)).toMatchObject([{ missing }]);
  });

  test('somebody else, who took the port, is a fault and no riddle', async () => {
    const html = { status: 200, contentType: 'text/html', body: '<html>' };
    await serve([{ method: 'GET', path: '/v1/queue', handle: async () => html }]);
    await expect(askAdmin({ data }, '/v1/queue')).rejects.toMatchObject({ code: 'refused' });
  });
});
