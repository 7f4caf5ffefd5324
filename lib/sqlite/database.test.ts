import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../run/clock.ts';
import { Database, type Thread } from './database.ts';
import { Unpacker } from './packing.ts';
import type { Request, Response } from './protocol.ts';

const TABLE = 'CREATE TABLE note (id INTEGER PRIMARY KEY, body BLOB)';
const insert = (id: number, body: Uint8Array) => ({ sql: 'INSERT INTO note VALUES (?, ?)', params: [id, body] });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postfleet-sqlite-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const open = (migrations = [TABLE]) => Database.open({ path: join(folder, 'test.db'), migrations }, systemClock);

test('what was written is there after the file is closed and opened again', async () => {
  const first = await open();
  await Promise.all(Array.from({ length: 100 }, (_, id) => first.write([insert(id, Buffer.from(`body ${id}`))])));
  await first.close();
  const second = await open();
  const rows = await second.read('SELECT count(*) AS n, max(body) AS last FROM note');
  expect(rows[0]?.['n']).toBe(100);
  expect(Buffer.from(rows[0]?.['last'] as Uint8Array).toString()).toBe('body 99');
  await second.close();
});

test('the caller keeps its bytes, even a view on a shared pool', async () => {
  const database = await open();
  const body = Buffer.from('pooled');
  await database.write([insert(1, body)]);
  expect(body.toString()).toBe('pooled');
  const [row] = await database.read('SELECT body FROM note');
  expect(Buffer.from(row?.['body'] as Uint8Array).toString()).toBe('pooled');
  await database.close();
});

test('a unit that fails leaves nothing of itself', async () => {
  const database = await open();
  await expect(database.write([insert(1, Buffer.from('a')), insert(1, Buffer.from('b'))])).rejects.toMatchObject({
    code: 'storage-failed',
  });
  expect(await database.read('SELECT count(*) AS n FROM note')).toEqual([{ n: 0 }]);
  await database.close();
});

test('a unit that fails does not fail those that share its commit', async () => {
  const database = await open();
  await database.write([insert(1, Buffer.from('first'))]);
  const results = await Promise.allSettled([1, 2, 3].map((id) => database.write([insert(id, Buffer.from('x'))])));
  expect(results.map((it) => it.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  await database.close();
});

const noted = (id: number) => ({ sql: 'SELECT body FROM note WHERE id = ?', params: [id] });

test('what is written unless something is there sees what shares its commit, and answers with it', async () => {
  const database = await open();
  const put = (body: string) => database.writeUnless(noted(1), [insert(1, Buffer.from(body))]);
  const rows = await Promise.all(['first', 'second', 'third'].map(put));
  expect(rows.map((it) => it && Buffer.from(it['body'] as Uint8Array).toString())).toEqual([
    undefined,
    'first',
    'first',
  ]);
  await database.close();
});

test('what is not written because something is there does not fail what shares its commit', async () => {
  const database = await open();
  await database.write([insert(1, Buffer.from('x'))]);
  const [kept, written] = await Promise.all([
    database.writeUnless(noted(1), [insert(1, Buffer.from('y')), insert(3, Buffer.from('y'))]),
    database.writeUnless(noted(2), [insert(2, Buffer.from('y'))]),
  ]);
  expect([kept !== undefined, written]).toEqual([true, undefined]);
  expect(await database.read('SELECT count(*) AS n FROM note')).toEqual([{ n: 2 }]);
  await database.close();
});

test('a second opening of the same file is refused with the next step', async () => {
  const database = await open();
  await expect(open()).rejects.toMatchObject({ code: 'data-locked', message: expect.stringContaining('--data') });
  await database.close();
});

test('a migration runs once, and a file from the future is refused', async () => {
  const first = await open([TABLE, 'CREATE TABLE more (id INTEGER)']);
  await first.close();
  const second = await open([TABLE, 'CREATE TABLE more (id INTEGER)']);
  await second.close();
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('newer version') });
});

test('writes after closing are refused', async () => {
  const database = await open();
  await database.close();
  await expect(database.write([])).rejects.toMatchObject({ code: 'storage-closed' });
});

test('closing is no breakage', async () => {
  const database = await open();
  let broken = false;
  void database.broken.then(() => {
    broken = true;
  });
  await database.close();
  await expect(database.read('SELECT 1')).rejects.toMatchObject({ code: 'storage-closed' });
  expect(broken).toBe(false);
});

/** A thread to a disk on which nothing can be written. */
class OnFullDisk extends EventEmitter implements Thread {
  readonly #unpacker = new Unpacker();

  constructor() {
    super();
    this.#say({ kind: 'opened' });
  }

  postMessage(request: Request): void {
    if (request.kind === 'close') this.#say({ kind: 'closed' });
    if (request.kind !== 'write') return;
    const problem = { code: 13, message: 'database or disk is full' };
    this.#say({ kind: 'written', ends: this.#unpacker.unpack(request.packed).map(() => ({ problem })) });
  }

  #say(response: Response): void {
    setImmediate(() => {
      this.emit('message', response);
      if (response.kind === 'closed') this.emit('exit');
    });
  }
}

test('closing ends although what is under way cannot be written', async () => {
  const database = await Database.open({ path: '', migrations: [] }, systemClock, () => new OnFullDisk());
  const writing = database.write([insert(1, Buffer.from('x'))]);
  const closing = database.close();
  await expect(writing).rejects.toMatchObject({ code: 'storage-full' });
  await expect(closing).resolves.toBeUndefined();
  await expect(database.write([])).rejects.toMatchObject({ code: 'storage-closed' });
});
