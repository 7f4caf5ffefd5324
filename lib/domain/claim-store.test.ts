import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { Database } from '#lib/sqlite/database.ts';
import { serveHere } from '../../test/harness/database.ts';
import { CLAIM_TABLES, claimStore } from './claim-store.ts';

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-claims-'));
  const options = { path: join(folder, 'test.db'), migrations: [CLAIM_TABLES] };
  const database = await Database.open(options, systemClock, serveHere);
  onTestFinished(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  return { database, store: claimStore(database) };
}

const CLAIM = { resource: 'default/example.com', domain: 'example.com', claimedAt: 17, latch: {} };
const VERIFIED = { ...CLAIM, latch: { verifiedAt: 18, contrary: { lasted: 5, last: 19 } } };

test('a claim is kept as it was saved last, until it is forgotten', async () => {
  const { store } = await open();
  await store.save(CLAIM);
  await store.save(VERIFIED);
  await store.save({ ...CLAIM, resource: 'shop/other' });
  await store.forget('shop/other');
  expect(await store.load()).toEqual([VERIFIED]);
});

test('a latch that cannot be read counts as not verified', async () => {
  const { store, database } = await open();
  await store.save(VERIFIED);
  await database.write([{ sql: "UPDATE claim SET latch = '{'", params: [] }]);
  expect(await store.load()).toEqual([CLAIM]);
});
