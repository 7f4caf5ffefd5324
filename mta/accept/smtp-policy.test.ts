import { describe, expect, test } from 'vitest';
import { type Sample, sample } from '#crds/sample.ts';
import { seconds } from '#lib/run/clock.ts';
import { openTestStorage } from '../../test/harness/queue.ts';
import { openSubmissions } from '../../test/harness/submissions.ts';
import { worldOf } from '../../test/harness/world.ts';
import { aSuppression } from '../settle/ledger/suppressions.contract.ts';
import type { Submitter } from './authority.ts';
import type { Peer } from './smtp/submission.ts';
import { submissionPolicy } from './smtp-policy.ts';
import { noSpace } from './submitted.ts';

const APP: Submitter = { tenant: 'default', username: 'default.app' };
const RAW = Buffer.from('From: a@example.com\r\n\r\nbody\r\n');
const ENVELOPE = { sender: 'a@example.com', recipients: ['b@dest.test'], body: '7BIT' } as const;

const openQueue = openTestStorage();
const domain = sample('SendingDomain', { verification: 'Skip' });
const credential = (spec: object = {}): Sample => sample('SendingCredential', spec);

const peer = (over: Partial<Peer> = {}): Peer => ({
  address: '192.0.2.7',
  port: 40_000,
  listener: 'submission',
  tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
  ehlo: 'client.example',
  esmtp: true,
  ...over,
});

async function open(...documents: readonly object[]) {
  let world = worldOf(domain, ...(documents.length > 0 ? documents : [credential()]));
  const opened = await openSubmissions(openQueue, () => world);
  const { authority, submissions, suppressions, told, storage, clock } = opened;
  const declare = (...changed: readonly object[]): void => void (world = worldOf(domain, ...changed));
  const space = { isThere: true };
  const policy = submissionPolicy(authority, submissions, suppressions, () => (space.isThere ? undefined : noSpace));
  return { space, policy, told, storage, declare, suppressions, clock };
}

describe('an identity', () => {
  test('comes from a trusted network or from a name and a password for SMTP', async () => {
    const { policy } = await open(credential({ networks: ['192.0.2.0/24'] }));
    expect(policy.trust(peer())).toEqual(APP);
    expect(policy.trust(peer({ address: '198.51.100.7' }))).toBeUndefined();
    expect(await policy.authenticate(peer(), 'default.app', 'right')).toEqual({ kind: 'identity', identity: APP });
    expect(await policy.authenticate(peer(), 'default.app', 'wrong')).toEqual({ kind: 'wrong' });
  });

  test('is not had by a credential for HTTP', async () => {
    const { policy } = await open(credential({ protocols: ['HTTP'] }));
    expect(await policy.authenticate(peer(), 'default.app', 'right')).toEqual({ kind: 'wrong' });
  });

  test('is needed: without one nothing is queued', async () => {
    const { policy, storage } = await open();
    await expect(policy.accept(undefined, peer(), ENVELOPE, RAW)).rejects.toThrow('without an identity');
    expect(storage.queue.depth()).toEqual([]);
  });
});

describe('an envelope', () => {
  test('may have the null sender and any recipient', async () => {
    const { policy } = await open();
    expect(policy.mail(APP, '')).toBeUndefined();
    expect(policy.rcpt(APP, '', 'anybody@anywhere.example', [])).toBeUndefined();
  });

  test('may not have a recipient whom the tenant has suppressed, and others may', async () => {
    const { policy, suppressions } = await open();
    await suppressions.suppress('default', [aSuppression('ann@dest.test'), aSuppression('gone.test')]);
    expect(await policy.rcpt(APP, '', 'ann@dest.test', [])).toEqual({
      code: 550,
      enhanced: '5.7.1',
      text: '<ann@dest.test> is suppressed (complaint, since 2026-01-01)',
    });
    expect(await policy.rcpt(APP, '', 'anybody@gone.test', [])).toMatchObject({ code: 550 });
    expect(policy.rcpt(APP, '', 'bob@dest.test', [])).toBeUndefined();
    expect(policy.rcpt({ tenant: 'shop', username: 'shop.app' }, '', 'ann@dest.test', [])).toBeUndefined();
  });

  test.each(['ANN@dest.test', 'Ann@dest.test'])('B10 may not have one in another form: %s', async (recipient) => {
    const { policy, suppressions } = await open();
    await suppressions.suppress('default', [aSuppression('ann@dest.test')]);
    expect(await policy.rcpt(APP, '', recipient, [])).toMatchObject({ code: 550, enhanced: '5.7.1' });
  });

  test('may not have a sender of others', async () => {
    const { policy } = await open();
    expect(policy.mail(APP, 'a@bank.example')).toMatchObject({ code: 550, enhanced: '5.7.1' });
  });

  test('comes no faster than its credential may hand in', async () => {
    const { policy, clock } = await open(credential({ rate: { count: 2, perSeconds: 10 } }));
    const mail = (): unknown => policy.mail(APP, 'a@example.com');
    expect([mail(), mail()]).toEqual([undefined, undefined]);
    const text = 'credential default.app may send 2 messages in 10 seconds: try again in 5 seconds';
    expect(mail()).toEqual({ code: 450, enhanced: '4.7.1', text });
    clock.advance(seconds(5) - 1);
    expect(mail()).toMatchObject({ code: 450 });
    clock.advance(1);
    expect(mail()).toBeUndefined();
    expect(mail()).toMatchObject({ code: 450 });
  });

  test('is refused once its credential is suspended, in the middle of a session', async () => {
    const { policy, declare } = await open();
    expect(policy.mail(APP, 'a@example.com')).toBeUndefined();
    declare(credential({ suspend: true }));
    expect(policy.mail(APP, 'a@example.com')).toMatchObject({ code: 550, enhanced: '5.7.8' });
  });

  test('whose credential went away before the message was read is not accepted', async () => {
    const { policy, declare, told } = await open();
    declare();
    expect(await policy.accept(APP, peer(), ENVELOPE, RAW)).toMatchObject({ code: 550 });
    expect(told).toEqual([]);
  });
});

describe('a message', () => {
  test('is answered 250 with its id when it is durable', async () => {
    const { policy, told, storage } = await open();
    const said = await policy.accept(APP, peer(), ENVELOPE, RAW);
    expect(said).toEqual({ code: 250, enhanced: '2.0.0', text: `queued as ${told[0]?.id}` });
    expect((await storage.events()).map((it) => [it.type, it.message])).toEqual([['queued', told[0]?.id]]);
  });

  test('is answered by the check that refuses it', async () => {
    const { policy } = await open(credential({ quota: { perHour: 0 } }));
    expect(await policy.accept(APP, peer(), ENVELOPE, RAW)).toMatchObject({ code: 550, enhanced: '5.7.1' });
    const foreign = Buffer.from('From: x@bank.example\r\n\r\n');
    expect(await policy.accept(APP, peer(), ENVELOPE, foreign)).toMatchObject({ code: 550, enhanced: '5.7.1' });
  });

  test('is the sender to keep when the queue cannot be written', async () => {
    const { policy, storage, told } = await open();
    storage.broken = true;
    expect(await policy.accept(APP, peer(), ENVELOPE, RAW)).toMatchObject({ code: 451, enhanced: '4.3.0' });
    expect(told).toEqual([]);
  });

  test.each([
    ['ESMTPSA', {}],
    ['ESMTPA', { tls: undefined }],
    ['SMTPS', { esmtp: false }],
    ['SMTP', { esmtp: false, tls: undefined }],
  ])('says in Received that it came with %s', async (protocol, over) => {
    const { policy, told } = await open();
    await policy.accept(APP, peer(over), ENVELOPE, RAW);
    expect(told[0]?.raw.toString()).toContain(` with ${protocol} id ${told[0]?.id}`);
  });

  test('with what its envelope declares is queued with it', async () => {
    const { policy, told } = await open();
    const dsn = { envid: 'q', recipients: [{ notify: ['NEVER' as const] }] };
    const raw = Buffer.from('From: ä@example.com\r\n\r\nbody\r\n');
    await policy.accept(APP, peer(), { ...ENVELOPE, smtpUtf8: true, dsn }, raw);
    expect(told[0]).toMatchObject({ utf8: true, dsn });
    expect(told[0]?.raw.toString()).toContain(` with UTF8SMTPSA id ${told[0]?.id}`);
  });
});

test('while the disk is low who may send is put off, and who may not is told so', async () => {
  const { policy, space } = await open();
  space.isThere = false;
  expect(policy.mail(APP, 'a@example.com')).toMatchObject({ code: 452, enhanced: '4.3.1' });
  expect(policy.mail(APP, 'a@bank.example')).toMatchObject({ code: 550 });
  space.isThere = true;
  expect(policy.mail(APP, 'a@example.com')).toBeUndefined();
});
