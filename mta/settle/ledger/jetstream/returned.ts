/**
 * Mail that came back, on NATS: a stream that keeps copies for as long as events are, and in the view what each is about.
 *
 * A shelf is full for all processes alike: a stray is put on it only where the shelf is as it was seen.
 */
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import { seconds } from '#lib/run/clock.ts';
import { EXPECTED_LAST, type Streams } from '#lib/nats/streams.ts';
import type { Stored } from '#lib/nats/stored.ts';
import type { Database } from '#lib/sqlite/database.ts';
import type { Statement } from '#lib/sqlite/protocol.ts';
import type { MailEvent } from '../../../mail/event.ts';
import { acceptedAtOf, firstIdAt, type MessageId } from '../../../mail/message.ts';
import { REPORT_KINDS } from '../../../mail/report.ts';
import { subjectKey } from '../../../mail/suppression.ts';
import { MOST_STRAYS, type ReturnedMail, type Stray } from '../returned.ts';
import { appendFacts } from './appends.ts';
import { decodeAbout, decodeReturned, encodeReturned, encodeStray } from './back-record.ts';
import { Follower } from './follower.ts';
import type { LedgerLayout } from './layout.ts';

/** `seq` is the record's. */
const BACK_TABLES = `
  CREATE TABLE back (seq INTEGER NOT NULL, part INTEGER NOT NULL, message TEXT NOT NULL, recipient TEXT,
    PRIMARY KEY (seq, part)) WITHOUT ROWID;
  CREATE INDEX back_by_message ON back (message, seq);
  CREATE INDEX back_by_recipient ON back (recipient, message);
  CREATE TABLE stray (seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, recipient TEXT NOT NULL, at INTEGER NOT NULL,
    host TEXT NOT NULL, report TEXT NOT NULL);
  CREATE INDEX stray_by_tenant ON stray (tenant, at);
  CREATE INDEX stray_by_recipient ON stray (recipient)`;

export const RETURNED_TABLES = [BACK_TABLES];

export interface StreamReturnedOptions {
  readonly streams: Pick<Streams, 'appendAll' | 'at' | 'follow' | 'last' | 'readAll'>;
  readonly layout: LedgerLayout;
  /** The view, with `RETURNED_TABLES`. */
  readonly database: Database;
  readonly clock: Clock;
  /** The machine's. */
  readonly ioClock: Clock;
  readonly nextName: () => string;
  /** How long events are kept. */
  readonly retention: Duration;
  readonly troubled: (thrown: unknown) => void;
}

const KNOWN_WITHIN: Duration = seconds(1);

export class StreamReturned implements ReturnedMail {
  readonly #options: StreamReturnedOptions;
  #follower: Follower | undefined;

  private constructor(options: StreamReturnedOptions) {
    this.#options = options;
  }

  static async open(options: StreamReturnedOptions): Promise<StreamReturned> {
    const { streams, layout, ioClock, troubled } = options;
    const returned = new StreamReturned(options);
    const following = { streams, stream: layout.back, subject: layout.allBack, headersOnly: true, clock: ioClock };
    const takeIn = (records: readonly Stored[]): Promise<void> => returned.#takeIn(records);
    returned.#follower = await Follower.open({ ...following, takeIn, troubled });
    return returned;
  }

  /** Resolves when events are durable, with a copy for each event `returned` among them. */
  async keep(events: readonly MailEvent[], copy: Buffer): Promise<void> {
    const { layout, nextName, ioClock } = this.#options;
    if (events.length === 0) return;
    const records = encodeReturned(events, copy, layout, nextName());
    const ended = await appendFacts({ ...this.#options, clock: ioClock }, layout.back, records);
    await (ended.kind === 'stored' ? this.#follower?.seen(ended.sequence) : this.#known());
  }

  /** Events that were kept of a message, oldest first. */
  async eventsOf(message: MessageId): Promise<readonly MailEvent[]> {
    return (await this.#recordsOf(message)).flatMap((it) => it.events);
  }

  async shelve(stray: Stray): Promise<'kept' | 'full'> {
    const { streams, layout, ioClock, nextName } = this.#options;
    const record = encodeStray(stray, layout, nextName());
    for (;;) {
      const after = (await streams.last(layout.back, record.subject))?.seq ?? 0;
      await this.#follower?.seen(after);
      if ((await this.#shelved(stray.tenant)) >= MOST_STRAYS) return 'full';
      const fenced = { ...record, headers: { ...record.headers, [EXPECTED_LAST]: `${after}` } };
      const ended = await appendFacts({ ...this.#options, clock: ioClock }, layout.back, [fenced]);
      if (ended.kind === 'moved-on') continue;
      await (ended.kind === 'stored' ? this.#follower?.seen(ended.sequence) : this.#known());
      return 'kept';
    }
  }

  async copies(message: MessageId): Promise<readonly Buffer[]> {
    const records = await this.#recordsOf(message);
    return records.flatMap(({ events, copy }) => events.filter((it) => it.type === 'returned').map(() => copy));
  }

  async strays(recipient: string): Promise<readonly Stray[]> {
    await this.#known();
    const { database, streams, layout } = this.#options;
    const sql = 'SELECT * FROM stray WHERE recipient = ? AND at >= ? ORDER BY seq';
    const rows = await database.read(sql, [recipient.toLowerCase(), this.#since]);
    const strays: Stray[] = [];
    for (const row of rows) {
      const copy = (await streams.at(layout.back, Number(row['seq'])))?.payload;
      const [tenant, to, host] = [row['tenant'], row['recipient'], row['host']].map(String);
      const report = REPORT_KINDS.find((it) => it === row['report']) ?? 'other';
      const at = Number(row['at']);
      if (copy) strays.push({ tenant: tenant ?? '', recipient: to ?? '', at, host: host ?? '', report, copy });
    }
    return strays;
  }

  async messagesFor(recipient: string, most: number): Promise<readonly MessageId[]> {
    await this.#known();
    const sql = 'SELECT DISTINCT message FROM back WHERE recipient = ? AND message >= ? ORDER BY message DESC LIMIT ?';
    const params = [subjectKey(recipient), firstIdAt(this.#since), most];
    return (await this.#options.database.read(sql, params)).map((row) => String(row['message']));
  }

  /** The last record that is known here. */
  get last(): number {
    return this.#follower?.last ?? 0;
  }

  /** Forgets what is too old. */
  async prune(): Promise<void> {
    const before = firstIdAt(this.#since);
    await this.#options.database.write([
      { sql: 'DELETE FROM back WHERE message < ?', params: [before] },
      { sql: 'DELETE FROM stray WHERE at < ?', params: [this.#since] },
    ]);
  }

  stop(): void {
    this.#follower?.stop();
  }

  async #known(): Promise<void> {
    await this.#follower?.catchUp(KNOWN_WITHIN);
  }

  get #since(): Instant {
    const { clock, retention } = this.#options;
    return Math.max(clock.now() - retention, 0);
  }

  async #shelved(tenant: string): Promise<number> {
    const sql = 'SELECT count(*) AS count FROM stray WHERE tenant = ? AND at >= ?';
    const [row] = await this.#options.database.read(sql, [tenant, this.#since]);
    return Number(row?.['count']);
  }

  async #recordsOf(message: MessageId): Promise<ReturnType<typeof decodeReturned>[]> {
    await this.#known();
    if (acceptedAtOf(message) < this.#since) return [];
    const { database, streams, layout } = this.#options;
    const rows = await database.read('SELECT DISTINCT seq FROM back WHERE message = ? ORDER BY seq', [message]);
    const found = await Promise.all(rows.map((row) => streams.at(layout.back, Number(row['seq']))));
    return found.flatMap((it) => (it ? [decodeReturned(it)] : []));
  }

  async #takeIn(records: readonly Stored[]): Promise<void> {
    await this.#options.database.write(records.flatMap((it) => this.#rowsOf(it)));
  }

  /** What cannot be read is told of and left. */
  #rowsOf(stored: Stored): Statement[] {
    try {
      const about = decodeAbout(stored);
      if (about.kind === 'returned') return backRows(stored.seq, about.message, about.recipients);
      const { tenant, recipient, at, host, report } = about;
      const sql = 'INSERT OR REPLACE INTO stray VALUES (?, ?, ?, ?, ?, ?)';
      return [{ sql, params: [stored.seq, tenant, recipient, at, host, report] }];
    } catch (thrown) {
      this.#options.troubled(thrown);
      return [];
    }
  }
}

const backRows = (seq: number, message: MessageId, recipients: readonly string[]): Statement[] =>
  (recipients.length === 0 ? [null] : recipients).map((recipient, part) => ({
    sql: 'INSERT OR REPLACE INTO back VALUES (?, ?, ?, ?)',
    params: [seq, part, message, recipient],
  }));
