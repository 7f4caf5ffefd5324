import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { openHttp } from '#lib/http/server.ts';
import type { MailEvent } from '../mail/event.ts';
import { anEvent } from '../settle/ledger/ledger.contract.ts';
import type { Stray } from '../settle/ledger/returned.ts';
import { subjectKey } from '../mail/suppression.ts';
import { publishAdminUrl, tokenFile } from './admin-client.ts';
import { returnedRoutes } from './admin-returned.ts';
import { returnedCommand, type ReturnedFlags } from './returned.ts';

const ID = '01m804kbq61h2td7vkqgy132ca';
const AT = Date.UTC(2026, 0, 1);
const HOST = 'mx.dest.test [192.0.2.1]';

const EVENTS: readonly MailEvent[] = [
  anEvent(ID, 'queued'),
  anEvent(ID, 'queued', { index: 1, recipient: 'c@dest.test' }),
  anEvent(ID, 'returned', { report: 'auto-reply', host: HOST }),
  anEvent(ID, 'returned', { report: 'dsn', host: HOST, index: 1, recipient: 'c@dest.test', foundBy: 'headers' }),
  anEvent(ID, 'bounced-later', {
    index: 1,
    recipient: 'c@dest.test',
    reply: '550 5.1.1 gone',
    class: 'Invalid Address',
    rule: 'r',
    suppressed: 'invalid-address',
  }),
];
const COPIES = [Buffer.from('Subject: away\r\n'), Buffer.from('Subject: \xe4\r\n', 'latin1')];
const STRAY: Stray = {
  tenant: 'default',
  recipient: 'fbl@example.com',
  at: AT + 1000,
  host: HOST,
  report: 'other',
  copy: Buffer.from('Subject: code 1234\r\n'),
};

let data: string;
beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'postfleet-returned-'));
  const routes = returnedRoutes({
    trace: async (id) => (id === ID ? EVENTS : []),
    returned: {
      copies: async (id) => (id === ID ? COPIES : []),
      strays: async (recipient) => [STRAY].filter((it) => it.recipient === recipient),
      messagesFor: async (recipient) => (/^[bc]@dest\.test$/.test(subjectKey(recipient)) ? [ID] : []),
    },
  });
  const server = await openHttp({
    name: 'admin',
    setting: '--admin',
    host: '127.0.0.1',
    port: 0,
    token: async () => 't',
    routes,
  });
  onTestFinished(() => server.close());
  await publishAdminUrl(data, server.url);
  writeFileSync(tokenFile(data), 't\n');
});
afterEach(() => rmSync(data, { recursive: true }));

async function returned(what: string, flags: Partial<ReturnedFlags> = {}): Promise<string> {
  const printed: string[] = [];
  await returnedCommand(
    what,
    { data, ...flags },
    (text) => printed.push(text),
    (bytes) => printed.push(bytes.toString('latin1')),
  );
  return printed.join('\n');
}

const AWAY = `2026-01-01T00:00:00.000Z auto-reply for b@dest.test, by ${HOST}, about ${ID}, found by its return-path`;
const GONE = [
  `2026-01-01T00:00:00.000Z dsn for c@dest.test, by ${HOST}, about ${ID}, found by its headers`,
  '   bounced-later: 550 5.1.1 gone, Invalid Address (r), suppressed (invalid-address)',
].join('\n');

test.each<[string, string]>([
  [ID, `1  ${AWAY}\n2  ${GONE}`],
  [ID.toUpperCase(), `1  ${AWAY}\n2  ${GONE}`],
  ['b@dest.test', `1  ${AWAY}`],
  ['C@dest.test', `1  ${GONE}`],
  ['fbl@example.com', `1  2026-01-01T00:00:01.000Z other for fbl@example.com, by ${HOST}, about no message`],
])('what came back is found by %s', async (what, lines) => expect(await returned(what)).toBe(lines));

test('a copy is printed as it came', async () => {
  expect(await returned(ID, { raw: '2' })).toBe('Subject: \xe4\r\n');
  expect(await returned('fbl@example.com', { raw: '1' })).toBe('Subject: code 1234\r\n');
});

test.each(['0', '3', 'x', ''])('a copy that is not there is refused: %j', async (raw) => {
  await expect(returned(ID, { raw })).rejects.toMatchObject({ code: 'no-such-copy' });
});

test('programs get JSON, with copies when they ask for them', async () => {
  const said = JSON.parse(await returned('c@dest.test', { json: true })) as object;
  expect(said).toEqual({
    what: 'c@dest.test',
    returned: [
      {
        at: AT,
        message: ID,
        recipient: 'c@dest.test',
        report: 'dsn',
        host: HOST,
        foundBy: 'headers',
        caused: EVENTS[4],
      },
    ],
  });
});

test.each(['01m', 'x@dest.test', '@', 'a@b@c', '%', ''])('of what nobody knows is refused: %j', async (what) => {
  await expect(returned(what)).rejects.toMatchObject({ code: 'refused' });
});
