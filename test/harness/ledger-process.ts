/**
 * A process of its own that writes in a ledger on NATS all the time, and prints what it was told is durable.
 *
 * The argument is a `Scribe` in JSON. Lines: `ready`; `done N` when all that is numbered N is written.
 */
import { systemClock } from '#lib/run/clock.ts';
import { openLedger } from './stream-ledger.ts';

export interface Scribe {
  readonly urls: readonly string[];
  readonly name: string;
}

const { urls, name } = JSON.parse(process.argv[2] ?? '') as Scribe;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { ledger } = await openLedger({ urls: [...urls] }, name, systemClock);
say('ready');

const at = systemClock.now();
const until = at + 3_600_000;

async function write(no: number): Promise<void> {
  const about = { tenant: 'shop' };
  await Promise.all([
    ledger.suppressions.suppress('shop', [
      { subject: `a${no}@dest.test`, reason: 'manual', source: 'api', createdAt: at },
      { subject: `b${no}@dest.test`, reason: 'manual', source: 'api', createdAt: at },
    ]),
    ledger.orders.record(
      { v: 1, at, by: 'ann', operation: 'suspend', stage: 'done', about, recipients: no, suspensions: [`s${no}`] },
      { begin: { id: `s${no}`, about, why: 'so', by: 'ann', at } },
    ),
    ledger.memory.write([{ key: `note ${no}`, value: no, until }]),
  ]);
  say(`done ${no}`);
}

for (let no = 0; ; no += 1) await write(no);
