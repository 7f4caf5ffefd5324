import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { Database } from '#lib/sqlite/database.ts';
import { serveHere } from '../../test/harness/database.ts';
import { adminToken, MIGRATIONS, openData } from './data-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'postfleet-data-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

async function open(folder: string, fresh = false): Promise<Database> {
  const database = await openData(folder, fresh);
  onTestFinished(() => database.close());
  return database;
}

describe('a data folder', () => {
  test('is made with those above it, for its owner alone, with the tables of queue and ledger', async () => {
    const folder = join(root, 'a/b');
    const database = await open(folder);
    expect(modeOf(folder)).toBe(0o700);
    const tables = await database.read("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    expect(tables.map((it) => it['name'])).toEqual([
      'audit',
      'claim',
      'entry',
      'event',
      'message',
      'note',
      'put_once',
      'quota_used',
      'returned',
      'stray',
      'suppression',
      'suspect',
      'suspension',
    ]);
  });

  test('of any earlier release opens, with what is in it', async () => {
    for (let had = 1; had < MIGRATIONS.length; had += 1) {
      const folder = join(root, `release-${had}`);
      mkdirSync(folder);
      const path = join(folder, 'queue.db');
      const older = await Database.open({ path, migrations: MIGRATIONS.slice(0, had) }, systemClock, serveHere);
      await older.write([{ sql: "INSERT INTO message VALUES (7, 'id', '{}', x'')", params: [] }]);
      await older.close();
      const database = await Database.open({ path, migrations: MIGRATIONS }, systemClock, serveHere);
      onTestFinished(() => database.close());
      expect(await database.read('SELECT no FROM message')).toEqual([{ no: 7 }]);
      expect(await database.read('SELECT count(*) AS count FROM suppression')).toEqual([{ count: 0 }]);
    }
  });

  test('that others could look into is closed to them', async () => {
    const folder = join(root, 'open');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    await open(folder);
    expect(modeOf(folder)).toBe(0o700);
  });

  test('that is in use is refused to a second opener, also when that wants it fresh', async () => {
    const folder = join(root, 'data');
    const database = await open(folder);
    writeFileSync(join(folder, 'key'), 'precious');
    for (const fresh of [false, true])
      await expect(openData(folder, fresh)).rejects.toMatchObject({
        code: 'data-locked',
        message: expect.stringContaining('--data'),
      });
    expect(existsSync(join(folder, 'key'))).toBe(true);
    expect(await database.read('SELECT count(*) AS count FROM message')).toEqual([{ count: 0 }]);
  });

  test('that cannot be made is a fault with the next step', async () => {
    writeFileSync(join(root, 'file'), '');
    for (const folder of [join(root, 'file'), join(root, 'file/below')])
      await expect(openData(folder, false)).rejects.toMatchObject({
        code: 'data-unwritable',
        message: expect.stringContaining('--data'),
      });
  });
});

describe('--fresh', () => {
  test('empties a data folder of ours, whatever lies in it', async () => {
    const folder = join(root, 'data');
    mkdirSync(join(folder, 'keyring/dkim'), { recursive: true });
    writeFileSync(join(folder, 'keyring/dkim/key.pem'), 'x');
    for (const name of ['queue.db', '.hidden']) writeFileSync(join(folder, name), '');
    await open(folder, true);
    expect(readdirSync(folder).filter((it) => !it.startsWith('queue.db'))).toEqual([]);
  });

  test('begins an empty folder', async () => {
    const folder = join(root, 'empty');
    mkdirSync(folder);
    await open(folder, true);
    expect(existsSync(join(folder, 'queue.db'))).toBe(true);
  });

  test('leaves a folder that is not ours exactly as it is', async () => {
    const folder = join(root, 'home');
    mkdirSync(folder);
    writeFileSync(join(folder, 'thesis.tex'), 'years of work');
    chmodSync(folder, 0o755);
    await expect(openData(folder, true)).rejects.toMatchObject({ code: 'not-a-data-folder' });
    expect([readdirSync(folder), modeOf(folder)]).toEqual([['thesis.tex'], 0o755]);
  });
});

describe('the token of the admin API', () => {
  test('is made once, of 256 bits, for the owner alone', async () => {
    const token = await adminToken(root, systemRandom);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(modeOf(join(root, 'admin-token'))).toBe(0o600);
    expect(await adminToken(root, systemRandom)).toBe(token);
  });

  test('is not the same in two folders', async () => {
    const other = join(root, 'other');
    mkdirSync(other);
    expect(await adminToken(other, systemRandom)).not.toBe(await adminToken(root, systemRandom));
  });

  test.each(['', '\n', '  \n'])('is made anew when a crash left its file as %j', async (text) => {
    writeFileSync(join(root, 'admin-token'), text, { mode: 0o600 });
    const token = await adminToken(root, systemRandom);
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(await adminToken(root, systemRandom)).toBe(token);
  });
});
