/**
 * What a holder of a shard keeps of it at hand: the queue's own tables, without the bytes of messages. No I/O of its own.
 *
 * They are made anew from the streams by whoever takes the shard, and gone with the process: the streams are the truth.
 */
import type { Database } from '#lib/sqlite/database.ts';
import type { Row, Statement } from '#lib/sqlite/protocol.ts';
import { domainOf, dueOf, type Message } from '../../mail/message.ts';
import { laneName, type LaneName } from '../queue.ts';
import type { ReadMessages } from '../sqlite/messages.ts';
import { DEBT_TABLES, entryNo, INTENT_TABLES, insertEntry, QUEUE_TABLES, SUSPECT_TABLES } from '../sqlite/tables.ts';
import { shardOf } from './layout.ts';
import type { Arrival, Pieces } from './put-record.ts';

/** A message's number is its record's sequence; `first` and `count` say where its bytes are, size how many. */
const PLACE_TABLES = `
  CREATE TABLE place (
    no INTEGER PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL, size INTEGER NOT NULL);
  CREATE TRIGGER place_of_none AFTER DELETE ON message BEGIN DELETE FROM place WHERE no = OLD.no; END`;

/** Where the oldest message begins that has not ended: those of later ones begin after it. */
export const OLDEST_PLACE = 'SELECT first FROM place ORDER BY no LIMIT 1';

export const VIEW_TABLES = [QUEUE_TABLES, DEBT_TABLES, INTENT_TABLES, SUSPECT_TABLES, PLACE_TABLES];

/** What came in of a message: its rows, and the lanes of those of its recipients that belong to the shard. */
export interface Came {
  readonly statements: readonly Statement[];
  readonly lanes: readonly LaneName[];
}

const NOTHING = Buffer.alloc(0);

/** `message` without its bytes, and its envelope as text. */
export function comes(
  { sequence, body, size }: Arrival,
  message: Omit<Message, 'raw'>,
  envelope: string,
  shard: number,
  shards: number,
): Came {
  const { first, count } = body ?? { first: sequence, count: 1 };
  const statements: Statement[] = [
    { sql: 'INSERT INTO message VALUES (?, ?, ?, ?)', params: [sequence, message.id, envelope, NOTHING] },
    { sql: 'INSERT INTO place VALUES (?, ?, ?, ?)', params: [sequence, first, count, size] },
  ];
  const lanes: LaneName[] = [];
  for (const [index, recipient] of message.recipients.entries()) {
    const { tenant, pool, priority } = message;
    const domain = domainOf(recipient);
    if (shardOf(domain, shards) !== shard) continue;
    const lane = laneName({ tenant, pool, domain, priority });
    statements.push(insertEntry(entryNo(sequence, index), lane, dueOf(message)));
    lanes.push(lane);
  }
  return { statements, lanes };
}

/** Parameter: numbers (a JSON list). */
const PLACES = `
  SELECT m.no, m.envelope, p.first, p.count, p.size FROM json_each(?1) it
  JOIN message m ON m.no = it.value JOIN place p ON p.no = m.no ORDER BY it.key`;

/** Reads messages by where they lie; `fetch` rejects when it cannot know, and answers undefined for what is gone. */
export const readMessagesBy =
  (database: Database, fetch: (pieces: Pieces) => Promise<Buffer | undefined>): ReadMessages =>
  async (numbers, most) => {
    const rows = await database.read(PLACES, [JSON.stringify(numbers)]);
    let before = 0;
    return Promise.all(
      rows.map(async (row): Promise<Row> => {
        const isWanted = before < most;
        before += Number(row['size']);
        const place = { first: Number(row['first']), count: Number(row['count']) };
        const raw = isWanted ? ((await fetch(place)) ?? 'gone') : null;
        return { no: row['no'] ?? null, envelope: row['envelope'] ?? null, raw };
      }),
    );
  };
