import { describe, expect, test, onTestFinished } from 'vitest';
import { type Sample, sample } from '#crds/sample.ts';
import { hours, minutes } from '#lib/run/clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import { openSubmissions } from '../../test/harness/submissions.ts';
import { worldOf, worldWith } from '../../test/harness/world.ts';
import { aSuppression } from '../settle/ledger/suppressions.contract.ts';
import type { Submitter } from './authority.ts';
import type { SubmitterOptions } from './submit.ts';
import { acceptedReply, type Submission } from './submitted.ts';

const APP: Submitter = { tenant: 'default', username: 'default.app' };
const START = Date.UTC(2026, 0, 1);

const domain = (spec: object = {}): Sample => sample('SendingDomain', { verification: 'Skip', ...spec });

const submission = (over: Partial<Submission> = {}): Submission => ({
  via: 'smtp',
  sender: 'a@example.com',
  recipients: ['b@dest.test'],
  raw: Buffer.from('From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n'),
  protocol: 'ESMTPSA',
  peer: { ehlo: 'client.example', address: '192.0.2.7' },
  ...over,
});

const openQueue = openTestStorage();

async function open(resources = worldOf(domain(), sample('SendingCredential')), parts: Partial<SubmitterOptions> = {}) {
  const opened = await openSubmissions(openQueue, () => resources, parts);
  const { submissions, told, faults, storage, clock, suppressions } = opened;
  const submit = (over: Partial<Submission> = {}) => submissions.submit(APP, submission(over));
  const depth = (): number => storage.queue.depth().reduce((sum, it) => sum + it.depth, 0);
  return { submit, told, faults, storage, clock, depth, suppressions };
}

const refused = (check: string, code: number, text: string): object => ({
  kind: 'refused',
  check,
  reply: expect.objectContaining({ code, text: expect.stringContaining(text) }),
});

describe('a message announced as SMTPUTF8', () => {
  const author = (from: string): Buffer => Buffer.from(`From: ${from}\r\nSubject: hello\r\n\r\nbody\r\n`);

  test.each<[string, Partial<Submission>, object]>([
    ['has UTF-8 in its header', { raw: author('ä@example.com') }, { utf8: true, body: '8BITMIME' }],
    ['has a header in ASCII', { recipients: ['ä@dest.test', 'b@dest.test'] }, { body: '7BIT' }],
  ])('that %s says what a receiver must offer', async (_, over, expected) => {
    const { submit, told } = await open();
    await submit({ smtpUtf8: true, ...over });
    expect(told[0]).toMatchObject(expected);
    expect(told[0]?.utf8).toBe('utf8' in expected ? true : undefined);
  });

  test('and written in another character set is refused', async () => {
    const { submit } = await open();
    const raw = Buffer.from('From: a@example.com\r\nSubject: \xe4\r\n\r\nbody\r\n', 'latin1');
    expect(await submit({ raw, smtpUtf8: true })).toEqual(refused('header', 550, 'not UTF-8'));
    expect((await submit({ raw })).kind).toBe('accepted');
  });

  test('is the only one that may have an author beyond ASCII', async () => {
    const { submit } = await open();
    expect(await submit({ raw: author('ä@example.com') })).toEqual(refused('header', 550, 'not ASCII'));
  });

  test('still needs a domain of its own', async () => {
    const { submit } = await open();
    const raw = author('ä@bücher.example');
    expect(await submit({ raw, smtpUtf8: true })).toEqual(
      refused('header', 550, 'may not write From xn--bcher-kva.example'),
    );
  });
});

describe('a message that is accepted', () => {
  test('keeps what was asked about reports, for each recipient the first thing asked', async () => {
    const { submit, told } = await open();
    const wishes = [{ orcpt: 'rfc822;x' }, { notify: ['NEVER' as const] }, { notify: ['DELAY' as const] }];
    const dsn = { ret: 'FULL' as const, envid: 'q', recipients: wishes };
    await submit({ recipients: ['b@dest.test', 'c@dest.test', 'b@dest.test'], dsn });
    expect(told[0]?.recipients).toEqual(['b@dest.test', 'c@dest.test']);
    expect(told[0]?.dsn).toEqual({ ret: 'FULL', envid: 'q', recipients: wishes.slice(0, 2) });
    await submit();
    expect(told[1]).not.toHaveProperty('dsn');
  });

  test('is in the queue, stamped, and is told once', async () => {
    const { submit, told, storage } = await open();
    const submitted = await submit();
    expect(submitted.kind).toBe('accepted');
    const [message] = told;
    expect(submitted).toEqual({ kind: 'accepted', message, suppressed: [] });
    expect(message).toMatchObject({
      acceptedAt: START,
      expiresAt: START + hours(72),
      tenant: 'default',
      credential: 'default.app',
      domain: 'example.com',
      pool: 'default/main',
      via: 'smtp',
      sender: 'a@example.com',
    });
    const claim = await storage.queue.claim(0);
    const [lease] = await storage.queue.lease(claim, 'default default/main dest.test', 10, hours(1));
    expect(lease?.message).toEqual(message);
    expect(message?.raw.toString()).toMatch(/^Received: from client\.example .*\r\n\r\nbody\r\n$/s);
  });

  test('goes once to a recipient who is named twice', async () => {
    const { submit, told, depth } = await open();
    await submit({ recipients: ['b@dest.test', 'c@dest.test', 'b@dest.test'] });
    expect(told[0]?.recipients).toEqual(['b@dest.test', 'c@dest.test']);
    expect(depth()).toBe(2);
  });

  test('counts as one recipient when one is named twice, in Received as in quotas', async () => {
    const { submit, told } = await open(worldOf(domain({ quota: { perHour: 1 } }), sample('SendingCredential')));
    await submit({ recipients: ['b@dest.test', 'b@dest.test'] });
    expect(told[0]?.raw.toString()).toContain('for <b@dest.test>;');
  });

  test.each([
    ['7BIT', Buffer.from('From: a@example.com\r\n\r\nbody\r\n')],
    ['8BITMIME', Buffer.from('From: a@example.com\r\n\r\nb\u00f6dy\r\n')],
    ['8BITMIME', Buffer.from('From: a@example.com\r\nSubject: b\xf6dy\r\n\r\nbody\r\n', 'latin1')],
    ['7BIT', Buffer.from('From: a@example.com\r\nBcc: b\xf6dy\r\n\r\nbody\r\n', 'latin1')],
  ])('is %s by its bytes, not by what was announced', async (body, raw) => {
    const { submit, told } = await open();
    await submit({ raw });
    expect(told[0]?.body).toBe(body);
  });

  test('lives as long as the cluster says', async () => {
    const short = worldWith({ defaults: { expireAfterSeconds: 3600 } }, domain(), sample('SendingCredential'));
    const { submit, told } = await open(short);
    await submit();
    expect(told[0]?.expiresAt).toBe(START + hours(1));
  });

  test('is told to the sender with its id', () => {
    expect(acceptedReply('01m8')).toEqual({ code: 250, enhanced: '2.0.0', text: 'queued as 01m8' });
  });
});

describe('a message that is refused', () => {
  test.each([
    ['empty', '', 'header', 550, 'empty'],
    ['without a header', '\r\nbody\r\n', 'header', 550, 'empty'],
    ['with a line that is no field', 'From: a@example.com\r\nnonsense\r\n\r\n', 'header', 550, 'not a field'],
    ['of a stranger', 'From: ceo@bank.example\r\n\r\n', 'header', 550, 'bank.example'],
    ['with a header too long', `From: a@example.com\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`, 'header', 552, 'longer'],
    ['with too many fields', `From: a@example.com\r\n${'X: x\r\n'.repeat(1000)}\r\n`, 'header', 552, 'fields'],
  ])('leaves nothing in the queue: %s', async (_, text, check, code, says) => {
    const { submit, told, faults, depth } = await open();
    expect(await submit({ raw: Buffer.from(text) })).toEqual(refused(check, code, says));
    expect([told, faults, depth()]).toEqual([[], [], 0]);
  });

  test('is told which quota it would break and when it may fit', async () => {
    const { submit, told, clock, depth } = await open(
      worldOf(domain({ quota: { perHour: 3 } }), sample('SendingCredential')),
    );
    await submit({ recipients: ['b@dest.test', 'c@dest.test'] });
    const two = { recipients: ['d@dest.test', 'e@dest.test'] };
    const text = 'domain example.com may send 3 recipients an hour: try again in 65 minutes';
    expect(await submit(two)).toEqual({ ...refused('quota', 452, text), retryAfter: minutes(65) });
    expect(await submit()).toMatchObject({ kind: 'accepted' });
    expect([told.length, depth()]).toEqual([2, 3]);
    clock.advance(hours(1.1));
    expect(await submit(two)).toMatchObject({ kind: 'accepted' });
  });

  test('counts against the credential over all its domains', async () => {
    const second = sample('SendingDomain', { domain: 'b.example', verification: 'Skip' }, { name: 'b' });
    const { submit } = await open(worldOf(domain(), second, sample('SendingCredential', { quota: { perDay: 1 } })));
    await submit();
    const raw = Buffer.from('From: a@b.example\r\n\r\n');
    expect(await submit({ raw })).toEqual({
      ...refused('quota', 452, 'credential default.app may send 1 recipients a day'),
      retryAfter: hours(25),
    });
  });

  test('by another check costs no quota', async () => {
    const { submit } = await open(worldOf(domain({ quota: { perHour: 1 } }), sample('SendingCredential')));
    await submit({ raw: Buffer.from('From: x@bank.example\r\n\r\n') });
    expect(await submit()).toMatchObject({ kind: 'accepted' });
  });
});

describe('A20 when the queue cannot be written', () => {
  test('the sender keeps the message, nobody is told, and nothing of it is in the queue', async () => {
    const { submit, told, faults, storage, depth } = await open();
    storage.broken = true;
    expect(await submit({ recipients: ['b@dest.test', 'c@dest.test'] })).toEqual(refused('storage', 451, 'try again'));
    expect([told, depth()]).toEqual([[], 0]);
    expect(faults).toEqual([expect.objectContaining({ code: 'storage-failed' })]);
    storage.broken = false;
    expect(await submit()).toMatchObject({ kind: 'accepted' });
    expect(depth()).toBe(1);
  });

  test('a full disk is said to be one', async () => {
    const { submit, told, faults, storage, depth } = await open();
    await storage.database.read('PRAGMA max_page_count = 1');
    onTestFinished(async () => void (await storage.database.read('PRAGMA max_page_count = 1000000')));
    const raw = Buffer.from(`From: a@example.com\r\n\r\n${'x'.repeat(200_000)}\r\n`);
    expect(await submit({ raw })).toEqual(refused('storage', 452, 'no room'));
    expect(faults).toEqual([expect.objectContaining({ code: 'storage-full' })]);
    expect([told, depth()]).toEqual([[], 0]);
  });

  test('the reply holds nothing of the fault', async () => {
    const { submit, storage } = await open();
    storage.broken = true;
    const submitted = await submit();
    expect(JSON.stringify(submitted)).not.toMatch(/nowhere|sqlite|\.db|INSERT/i);
  });

  test('what was not accepted costs no quota', async () => {
    const { submit, storage } = await open(worldOf(domain({ quota: { perHour: 1 } }), sample('SendingCredential')));
    storage.broken = true;
    await submit();
    storage.broken = false;
    expect(await submit()).toMatchObject({ kind: 'accepted' });
  });
});

describe('what the header says to us alone', () => {
  const said = (...fields: readonly string[]): Partial<Submission> => ({
    raw: Buffer.from(`${fields.map((it) => `${it}\r\n`).join('')}From: a@example.com\r\n\r\nbody\r\n`),
  });

  test('is kept with the message and taken out of it', async () => {
    const { submit, told } = await open();
    await submit(said('X-Postfleet-Tags: one', 'X-Postfleet-Metadata: {"a":"b"}', 'X-Postfleet-Expire-After: 60'));
    expect(told[0]).toMatchObject({ labels: { tags: ['one'], metadata: { a: 'b' } }, expiresAt: START + minutes(1) });
    expect(told[0]?.raw.toString().toLowerCase()).not.toContain('x-postfleet');
  });

  test('may put the message off: it is dated, due and expires by that time', async () => {
    const { submit, told, storage } = await open();
    await submit(said('X-Postfleet-Send-At: 2026-01-02T00:00:00Z'));
    const notBefore = START + hours(24);
    expect(told[0]).toMatchObject({ acceptedAt: START, notBefore, expiresAt: notBefore + hours(72) });
    expect(told[0]?.raw.toString()).toMatch(/^Date: Fri, 02 Jan 2026 00:00:00 \+0000\r$/m);
    expect(await storage.queue.list({}, 10)).toMatchObject([{ due: notBefore, state: 'waiting' }]);
  });

  test('may name the message, so that it is accepted once however often it is submitted', async () => {
    const { submit, told } = await open();
    const keyed = said('X-Postfleet-Idempotency-Key: order-4711');
    const answers = await Promise.all([submit(keyed), submit(keyed), submit(keyed)]);
    expect(answers.map((it) => it.kind).toSorted()).toEqual(['accepted', 'repeated', 'repeated']);
    expect(await submit({ ...keyed, recipients: ['c@dest.test'] })).toEqual(refused('repeat', 550, 'another message'));
    expect(told).toHaveLength(1);
  });

  test('may name a trace: kept with the message, before the one of the request, and another one at the next try is no other message', async () => {
    const { submit, told } = await open();
    const parent = (span: string): string => `00-4bf92f3577b34da6a3ce929d0e0e4736-${span.repeat(16)}-01`;
    const keyed = (span: string): Partial<Submission> =>
      said('X-Postfleet-Idempotency-Key: order-4711', `X-Postfleet-Traceparent: ${parent(span)}`);
    await submit({ ...keyed('1'), trace: { traceparent: parent('9') } });
    expect(await submit(keyed('2'))).toMatchObject({ kind: 'repeated', id: told[0]?.id });
    expect(told.map((it) => it.trace)).toEqual([{ traceparent: parent('1') }]);
    await submit({ trace: { traceparent: parent('9') } });
    expect(told[1]?.trace).toEqual({ traceparent: parent('9') });
  });

  test.each([
    ['of a name nobody knows', 'X-Postfleet-Wish: x', 'x-postfleet-wish is not a known field'],
    ['of too long a life', 'X-Postfleet-Expire-After: 259201', 'expireAfter must be at most 259200 seconds'],
    ['of too late a time', 'X-Postfleet-Send-At: 2026-02-01T00:00:00Z', 'sendAt must be at most 72 hours from now'],
  ])('%s refuses the message', async (_, field, problem) => {
    const { submit, depth } = await open();
    expect(await submit(said(field))).toEqual(refused('header', 550, problem));
    expect(depth()).toBe(0);
  });

  test('may not name the message a second time', async () => {
    const { submit } = await open();
    const once = { key: 'key', hash: 'x' };
    expect(await submit({ ...said('X-Postfleet-Idempotency-Key: key'), once })).toEqual(
      refused('header', 550, 'twice'),
    );
  });
});

describe('a message by HTTP with recipients who are suppressed', () => {
  const http = { via: 'http' as const, recipients: ['a@dest.test', 'b@dest.test', 'c@dest.test'] };
  const once = { key: 'key', hash: 'hash' };
  const ONE = { address: 'b@dest.test', reason: 'complaint' };

  test('goes to the others, says who does not get it, and costs what it goes to', async () => {
    const { submit, told, suppressions } = await open(
      worldOf(domain({ quota: { perHour: 2 } }), sample('SendingCredential')),
    );
    await suppressions.suppress('default', [aSuppression('B@dest.test')]);
    expect(await submit(http)).toMatchObject({ kind: 'accepted', suppressed: [ONE] });
    expect(told[0]?.recipients).toEqual(['a@dest.test', 'c@dest.test']);
  });

  test('is refused when there are no others, and nothing is queued', async () => {
    const { submit, depth, suppressions } = await open();
    await suppressions.suppress('default', [aSuppression('dest.test')]);
    const submitted = await submit(http);
    expect(submitted).toMatchObject(refused('suppression', 550, 'every recipient is suppressed'));
    expect(submitted).toHaveProperty('suppressed.length', 3);
    expect(depth()).toBe(0);
  });

  test('and a key is answered again as it was, whoever was suppressed or let go since', async () => {
    const { submit, told, suppressions } = await open();
    await suppressions.suppress('default', [aSuppression('b@dest.test')]);
    await submit({ ...http, once });
    const again = { kind: 'repeated', id: told[0]?.id, recipients: ['a@dest.test', 'c@dest.test'], suppressed: [ONE] };
    await suppressions.suppress('default', [aSuppression('dest.test')]);
    expect(await submit({ ...http, once })).toEqual(again);
    for (const subject of ['dest.test', 'b@dest.test']) await suppressions.unsuppress('default', subject);
    expect(await submit({ ...http, once })).toEqual(again);
  });

  test('is the sender to keep when nobody can look them up', async () => {
    const { submit, storage, suppressions, faults } = await open();
    await suppressions.suppress('default', [aSuppression('b@dest.test')]);
    await storage.database.write([{ sql: 'ALTER TABLE suppression RENAME TO away', params: [] }]);
    expect(await submit(http)).toMatchObject(refused('storage', 451, 'try again'));
    await storage.database.write([{ sql: 'ALTER TABLE away RENAME TO suppression', params: [] }]);
    expect(faults).toHaveLength(1);
  });
});

test('a step that dies after the quota was counted gives it back', async () => {
  const world = worldOf(domain({ quota: { perHour: 1 } }), sample('SendingCredential'));
  const chance = seededRandom(1);
  let isDying = true;
  const bytes = (count: number): Buffer => {
    if (isDying) throw new Error('died');
    return chance.bytes(count);
  };
  const { submit } = await open(world, { random: { ...chance, bytes } });
  await expect(submit()).rejects.toThrow('died');
  isDying = false;
  expect((await submit()).kind).toBe('accepted');
});

describe('a message over its quota', () => {
  const once = { key: 'key', hash: 'hash' };

  test('is refused for good when no waiting makes it fit', async () => {
    const { submit } = await open(worldOf(domain({ quota: { perDay: 1 } }), sample('SendingCredential')));
    const submitted = await submit({ recipients: ['b@dest.test', 'c@dest.test'] });
    expect(submitted).toEqual(
      refused('quota', 550, 'domain example.com may send 1 recipients a day, and this message has 2'),
    );
  });

  test('that was accepted before under its key is answered as it was, and another under it is a conflict', async () => {
    const { submit, told } = await open(worldOf(domain({ quota: { perHour: 1 } }), sample('SendingCredential')));
    await submit({ once });
    expect(await submit()).toMatchObject(refused('quota', 452, 'try again in'));
    expect(await submit({ once })).toMatchObject({ kind: 'repeated', id: told[0]?.id });
    expect(await submit({ once: { ...once, hash: 'other' } })).toMatchObject(refused('repeat', 550, 'another message'));
    expect(await submit({ once: { ...once, key: 'new' } })).toMatchObject(refused('quota', 452, 'try again in'));
  });
});
