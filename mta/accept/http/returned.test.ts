import { describe, expect, test } from 'vitest';
import { ask, openTestApi, PROBLEM, submit } from '../../../test/harness/api.ts';
import { anEvent } from '../../settle/ledger/ledger.contract.ts';
import { recordEvent } from '../../settle/ledger/sqlite.ts';
import { keepCopy } from '../../settle/ledger/sqlite-returned.ts';

const open = openTestApi();

/** A message for which a complaint came back. */
async function returned() {
  const opened = await open();
  const { said } = await submit(opened);
  const id = String(said['id']);
  const came = anEvent(id, 'returned', { report: 'arf', host: 'mx [192.0.2.1]', foundBy: 'headers' });
  const caused = anEvent(id, 'complained', { reply: '550 complaint: abuse', suppressed: 'complaint' });
  const copy = Buffer.from('Subject: complaint\r\n');
  await opened.storage.database.write([recordEvent(came), recordEvent(caused), keepCopy(came, copy)]);
  return { opened, id, copy, caused, came };
}

describe('what came back for a message', () => {
  test('is told to its own tenant, with what it caused and its front', async () => {
    const { opened, id, copy, caused, came } = await returned();
    const { status, said } = await ask(opened, `/v1/messages/${id}/returned`, { method: 'GET' });
    const { at, recipient } = came;
    const item = { at, message: id, recipient, report: 'arf', host: 'mx [192.0.2.1]', foundBy: 'headers', caused };
    expect([status, said]).toEqual([200, { id, returned: [{ ...item, copy: copy.toString('base64') }] }]);
  });

  test('is nothing when nothing came', async () => {
    const opened = await open();
    const { said } = await submit(opened);
    const answer = await ask(opened, `/v1/messages/${String(said['id'])}/returned`, { method: 'GET' });
    expect([answer.status, answer.said]).toEqual([200, { id: said['id'], returned: [] }]);
  });

  test('is unknown to another tenant, as is what never was', async () => {
    const { opened, id } = await returned();
    for (const [path, user] of [[id, 'shop.other'] as const, ['01m', 'default.app'] as const]) {
      const { status, type } = await ask(opened, `/v1/messages/${path}/returned`, { method: 'GET', user });
      expect([status, type]).toEqual([404, PROBLEM]);
    }
  });

  test('is not told to a credential without the scope', async () => {
    const { opened, id } = await returned();
    const asking = { method: 'GET', user: 'default.submit' };
    expect((await ask(opened, `/v1/messages/${id}/returned`, asking)).status).toBe(403);
  });
});
