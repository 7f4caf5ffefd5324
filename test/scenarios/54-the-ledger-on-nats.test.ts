/**
 * The ledger on real NATS servers keeps every promise of the port, as the embedded one does: on one server, and on three that
 * keep each record three times.
 */
import { beforeAll, describe, onTestFinished } from 'vitest';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Clock } from '#lib/run/clock.ts';
import { hours } from '#lib/run/clock.ts';
import { ledgerContract } from '#mta/settle/ledger/ledger.contract.ts';
import { memoryContract } from '#mta/settle/ledger/memory.contract.ts';
import { ordersContract } from '#mta/settle/ledger/orders.contract.ts';
import { newName } from '../harness/jetstream.ts';
import { Nats } from '../harness/nats.ts';
import { openScene } from '../harness/scene.ts';
import { type OpenedLedger, openLedger } from '../harness/stream-ledger.ts';

const scene = openScene();

describe.each([
  ['one server', 1],
  ['three servers', 3],
])('on %s', (_, replicas) => {
  let nats: Nats;
  beforeAll(async () => {
    nats = await Nats.start(scene, { servers: replicas });
  });

  async function open(name: string, clock: Clock): Promise<OpenedLedger> {
    const opened = await openLedger(nats, name, clock, { replicas });
    onTestFinished(() => opened.close());
    return opened;
  }

  ledgerContract('JetStream', async (clock) => {
    const name = newName();
    const { ledger, record } = await open(name, clock);
    const retention = hours(7 * 24);
    return { ledger, record, retention, reopen: async () => (await open(name, clock)).ledger.suppressions };
  });

  memoryContract('JetStream', async () => {
    const [name, clock] = [newName(), new FakeClock()];
    const opened = await open(name, clock);
    return {
      clock,
      memory: opened.ledger.memory,
      reopen: async () => (await open(name, clock)).ledger.memory,
      breakDown: (broken) => (opened.broken = broken),
      stored: async () => Number((await opened.view.read('SELECT count(*) AS count FROM note'))[0]?.['count']),
    };
  });

  ordersContract('JetStream', async (clock) => {
    const name = newName();
    const opened = await open(name, clock);
    return {
      orders: opened.ledger.orders,
      reopen: async () => (await open(name, clock)).ledger.orders,
      fail: () => (opened.broken = true),
    };
  });
});
