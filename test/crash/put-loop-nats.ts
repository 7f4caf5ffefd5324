/**
 * Puts messages into a queue on NATS for ever, and prints the id of each when its `put` has resolved. For `durable-put-nats.test.ts`.
 *
 * Ids go out by a synchronous write, so that what was printed is a fact when this process is killed.
 */
import { writeSync } from 'node:fs';
import { systemClock as clock } from '#lib/run/clock.ts';
import { systemRandom } from '#lib/run/random.ts';
import { newMessageId } from '#mta/mail/message.ts';
import { aMessage } from '../harness/queue.ts';
import { openNatsQueue } from './nats-queue.ts';

const AT_ONCE = 10;

const { queue } = await openNatsQueue(process.argv.slice(2));

async function putForEver(): Promise<never> {
  for (;;) {
    const now = clock.now();
    const put = aMessage({
      id: newMessageId(now, systemRandom),
      acceptedAt: now,
      expiresAt: now + 3_600_000,
      recipients: ['b@one.test', 'c@two.test'],
      raw: systemRandom.bytes(1000 + Math.floor(systemRandom.fraction() * 20_000)),
    });
    await queue.put(put);
    writeSync(1, `${put.id}\n`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, putForEver));
