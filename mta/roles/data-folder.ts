/**
 * The data folder of one process: made, locked, opened.
 *
 * The queue's file is locked for as long as it is open, and with it the folder: a second process that names the same
 * folder ends with `data-locked` before it has touched anything.
 */
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, writeWhole } from '#lib/keyring/store.ts';
import { CLAIM_TABLES } from '#lib/domain/claim-store.ts';
import { Fault } from '#lib/run/fault.ts';
import { systemClock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { Database } from '#lib/sqlite/database.ts';
import { KEY_NOTES, KEY_TABLES } from '../queue/sqlite/keys.ts';
import { InHand, slotsIn } from '../queue/sqlite/in-hand.ts';
import { DEBT_TABLES, INTENT_TABLES, QUEUE_TABLES, SUSPECT_TABLES } from '../queue/sqlite/tables.ts';
import { SUPPRESSION_TABLES } from '../settle/ledger/suppression-rows.ts';
import { ORDER_TABLES } from '../settle/ledger/sqlite-orders.ts';
import { MEMORY_TABLES } from '../settle/ledger/sqlite-memory.ts';
import { USAGE_TABLES } from '../settle/ledger/sqlite-usage.ts';
import { RETURN_TABLES, STRAY_TABLES } from '../settle/ledger/sqlite-returned.ts';
import { LEDGER_TABLES } from '../settle/ledger/sqlite.ts';
import { mountedToken } from '#lib/keyring/admin-token.ts';
import { tokenFile } from '../watch/admin-client.ts';

const QUEUE_FILE = 'queue.db';
/** Which messages are in hand: read after a crash, worth nothing otherwise. */
const IN_HAND_FILE = 'in-hand';

/** Every table there is. Only ever added to at the end: a file remembers how many of these it has had. */
export const MIGRATIONS: readonly string[] = [
  QUEUE_TABLES,
  LEDGER_TABLES,
  KEY_TABLES,
  SUPPRESSION_TABLES,
  RETURN_TABLES,
  DEBT_TABLES,
  CLAIM_TABLES,
  INTENT_TABLES,
  KEY_NOTES,
  USAGE_TABLES,
  STRAY_TABLES,
  MEMORY_TABLES,
  ORDER_TABLES,
  SUSPECT_TABLES,
];

/** Opens the database of a data folder; `fresh` empties the folder first, unless somebody uses it. */
export async function openData(folder: string, fresh: boolean): Promise<Database> {
  await writable(folder, () => makeFolder(folder));
  if (fresh) await empty(folder);
  await writable(folder, () => chmod(folder, 0o700));
  return openDatabase(folder);
}

/** Of a folder whose database is open. `troubled` is told when nothing can be noted. */
export const openInHand = (folder: string, troubled?: (thrown: unknown) => void): InHand =>
  new InHand(slotsIn(join(folder, IN_HAND_FILE)), troubled);

async function writable(folder: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw new Fault('data-unwritable', `${folder} cannot be written: name another folder with --data`, { cause });
  }
}

const openDatabase = (folder: string): Promise<Database> =>
  Database.open({ path: join(folder, QUEUE_FILE), migrations: MIGRATIONS }, systemClock);

/** Only what looks like a data folder of ours is ever emptied, and only while nobody has it open. */
async function empty(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length === 0) return;
  if (!names.includes(QUEUE_FILE)) {
    throw new Fault('not-a-data-folder', `${folder} is not a data folder of postfleet: --fresh leaves it as it is`);
  }
  await (await openDatabase(folder)).close();
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
}

/**
 * The token of the admin API as it is now: that of a folder which several share, where it is, which leaves it in the data folder too; else made
 * when it is not there.
 */
export async function adminToken(folder: string, random: Random, shared?: string): Promise<string> {
  const file = tokenFile(folder);
  const kept = await tokenIn(file);
  const common = shared === undefined ? '' : await sharedToken(shared);
  if (common !== '' && common !== kept) await writeWhole(file, `${common}\n`);
  if (common !== '') return common;
  if (kept !== '') return kept;
  const token = random.bytes(32).toString('base64url');
  await writeWhole(file, `${token}\n`);
  return token;
}

/** As `postfleet provision` made it, or the operator. */
const sharedToken = async (folder: string): Promise<string> =>
  (await tokenIn(tokenFile(folder))) || tokenIn(mountedToken(folder));

const tokenIn = async (file: string): Promise<string> =>
  existsSync(file) ? (await readFile(file, 'utf8')).trim() : '';
