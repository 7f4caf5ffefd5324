/**
 * A settler over a real queue: it knows no rules, retries every 15 minutes, and keeps what it tells.
 */
import { minutes } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import type { MailEvent } from '#mta/mail/event.ts';
import { Firings } from '#mta/settle/rules/firings.ts';
import { Settler, type SettlerOptions } from '#mta/settle/settle.ts';
import { FakeNotebook } from './notebook.ts';
import type { TestQueue } from './queue.ts';

export async function openSettler({ queue }: TestQueue, clock: FakeClock, over: Partial<SettlerOptions> = {}) {
  const claim = await queue.claim(0);
  const told: MailEvent[] = [];
  const faults: unknown[] = [];
  const settler = new Settler({
    queue,
    claim,
    clock,
    firings: new Firings(clock, new FakeNotebook()),
    rulesOf: () => [],
    onInDoubt: () => 'Retry',
    courseOf: ({ message: { tenant, domain } }, { source }) => ({
      site: 's',
      provider: 's',
      pool: 'p',
      tenant,
      domain,
      source,
    }),
    fire: () => undefined,
    suppress: () => undefined,
    expiresAt: ({ message }) => message.expiresAt,
    nextAttempt: () => clock.now() + minutes(15),
    tell: (event) => told.push(event),
    refused: () => undefined,
    troubled: (thrown) => faults.push(thrown),
    ...over,
  });
  return { claim, settler, told, faults };
}
