/**
 * A step of admission that dies midway: whoever sent the message keeps it, and nothing of it is anywhere.
 */
import { expect, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import type { Clock } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { type Random, seededRandom } from '#lib/run/random.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import { until } from '../../test/harness/until.ts';
import { worldOf } from '../../test/harness/world.ts';
import type { Message } from '../mail/message.ts';
import { Authority } from './authority.ts';
import { Quotas } from './quota.ts';
import { submissionPolicy } from './smtp-policy.ts';
import { type StagePartner, codes, greeted } from './smtp/stage-partner.ts';
import { Submissions, type SubmitterOptions } from './submit.ts';

const openQueue = openTestStorage();
const APP = { tenant: 'default', username: 'default.app' };
const MESSAGE = 'From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n';

/** Whatever is asked of it, once `dying` says so, is an error. */
function mortal<T extends object>(part: T, dying: { now: boolean }): T {
  const die = (): never => {
    throw new Error('died');
  };
  return new Proxy(part, {
    get: (target, member) => {
      const value: unknown = Reflect.get(target, member);
      if (typeof value !== 'function') return value;
      return dying.now ? die : (value.bind(target) as unknown);
    },
  });
}

async function open(what: string) {
  const clock = new FakeClock();
  const dying = { now: false };
  const wrap = <T extends object>(name: string, part: T): T => (name === what ? mortal(part, dying) : part);
  const storage = await openQueue(clock);
  const told: Message[] = [];
  const world = worldOf(sample('SendingDomain', { verification: 'Skip' }), sample('SendingCredential'));
  const resources = (): typeof world => wrap('resources', world);
  const keys = wrap('keys', { has: () => true });
  const parts = { clock, resources, verify: async () => true, hasKey: () => keys.has() };
  const options: SubmitterOptions = {
    authority: wrap('authority', new Authority(parts)),
    queue: wrap('queue', storage.queue),
    quotas: new Quotas(),
    suppressions: { match: () => undefined },
    resources,
    clock: wrap<Clock>('clock', clock),
    random: wrap<Random>('chance', seededRandom(1)),
    hostname: 'mail.example.net',
    accepted: (message) => told.push(message),
    troubled: () => undefined,
  };
  const policy = submissionPolicy(
    options.authority,
    new Submissions(options),
    { match: () => undefined },
    () => undefined,
  );
  const partner = await greeted({
    policy: { accept: (_identity, peer, envelope, raw) => policy.accept(APP, peer, envelope, raw) },
  });
  return { partner, storage, told, dying };
}

/** The queue answers from another thread. */
async function answer(partner: StagePartner): Promise<string> {
  await until('an answer', () => (partner.said === '' ? undefined : partner.said));
  return partner.heard();
}

test.each(['authority', 'resources', 'keys', 'clock', 'chance', 'queue'])(
  'A20 the %s that dies midway is answered 451, commits nothing, and the next message is taken',
  async (what) => {
    const { partner, storage, told, dying } = await open(what);
    const envelope = 'MAIL FROM:<a@example.com>\r\nRCPT TO:<b@dest.test>\r\nRCPT TO:<c@dest.test>\r\nDATA\r\n';
    await partner.send(envelope);
    dying.now = true;
    partner.conversation.receive(Buffer.from(`${MESSAGE}.\r\n`));
    expect((await answer(partner)).slice(0, 6)).toBe('451 4.');
    expect([told, storage.queue.depth(), await storage.events()]).toEqual([[], [], []]);
    dying.now = false;
    await partner.send(envelope);
    partner.conversation.receive(Buffer.from(`${MESSAGE}.\r\n`));
    expect(codes(await answer(partner))).toEqual([250]);
    expect(told).toHaveLength(1);
  },
);
