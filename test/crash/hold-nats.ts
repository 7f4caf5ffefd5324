/**
 * Holds a shard on NATS and sends all that is in it, in words: a line when a message's final dot would go. For `nats-faults.test.ts`.
 *
 * Lines go out by a synchronous write, so that what was printed is a fact when this process is stopped.
 */
import { writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { reply } from '#mta/mail/reply.ts';
import { settlementOf } from '../harness/settlement.ts';
import { openNatsQueue } from './nats-queue.ts';

const LANE = 'default default/main dest.test';
const OK = { kind: 'delivered', reply: reply(250, '2.0.0', 'ok') } as const;

const { queue } = await openNatsQueue(process.argv.slice(2));
const claim = await queue.claim(0);

for (let goesOn = true; goesOn;) {
  const leases = await queue.lease(claim, LANE, 5, 600_000);
  for (const lease of leases) {
    await pause(10);
    goesOn = await queue.holds(claim);
    if (!goesOn) break;
    writeSync(1, `dot ${lease.message.id}\n`);
    await queue.settle(claim, [settlementOf(lease, OK)]);
  }
  if (leases.length === 0) goesOn = await queue.holds(claim);
  await pause(10);
}
writeSync(1, 'lost\n');
process.exit(0);
