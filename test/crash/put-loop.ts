/**
 * Puts messages into a queue for ever and prints the id of each when its `put` has resolved. For `durable-put.test.ts`.
 *
 * Ids go out by a synchronous write, so that what was printed is a fact when this process is killed.
 */
import { writeSync } from 'node:fs';
import { systemClock as clock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { type Message, newMessageId } from '#mta/mail/message.ts';
import { openQueue } from './queue-file.ts';

const AT_ONCE = 10;

const message = (): Message => {
  const now = clock.now();
  return {
    id: newMessageId(now, systemRandom),
    acceptedAt: now,
    expiresAt: now + 3_600_000,
    tenant: 'default',
    credential: 'default.app',
    domain: 'example.com',
    pool: 'default/main',
    via: 'smtp',
    sender: 'a@example.com',
    body: '7BIT',
    recipients: ['b@one.test', 'c@two.test'],
    raw: systemRandom.bytes(1000 + Math.floor(systemRandom.fraction() * 20_000)),
  };
};

const { queue } = await openQueue(process.argv[2] ?? '');

async function putForEver(): Promise<never> {
  for (;;) {
    const put = message();
    await queue.put(put);
    writeSync(1, `${put.id}\n`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, putForEver));
