import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Access } from '#lib/nats/connection.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Log } from '#lib/run/log.ts';
import { LOOK_EVERY } from './certificate.ts';
import { natsAccess } from './nats-access.ts';

const SERVERS = ['nats://a:4222', 'b:4222'];
const REF = { name: 'nats', key: 'user' };

let config: string;
let opened: AsyncDisposableStack;
const clock = new FakeClock();
const error = vi.fn<Log['error']>();

beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), 'nats-access-'));
  opened = new AsyncDisposableStack();
  mkdirSync(join(config, 'secrets', REF.name), { recursive: true });
});
afterEach(async () => {
  await opened.disposeAsync();
  rmSync(config, { recursive: true });
});

const write = (text: string, key = REF.key): void => writeFileSync(join(config, 'secrets', REF.name, key), text);
const open = (refs: object, servers = SERVERS): Promise<Access> =>
  natsAccess({ servers, replicas: 1, ...refs } as never, { config, clock, log: { error } as never }, opened);

test('without secrets servers are spoken to in clear, as anybody', async () => {
  expect(await open({})).toEqual({ servers: ['a:4222', 'b:4222'] });
});

test('one server whose name is to be proven means all, and so do certificates', async () => {
  expect(await open({}, ['nats://a:4222', 'tls://b:4222'])).toEqual({ servers: ['a:4222', 'b:4222'], tls: {} });
  write('-----BEGIN CERTIFICATE-----', 'ca');
  expect((await open({ caRef: { name: 'nats', key: 'ca' } })).tls).toEqual({ ca: '-----BEGIN CERTIFICATE-----' });
});

test.each([
  ['credentialsRef', 'nobody knows'],
  ['caRef', 'none'],
])('a %s that is not one is refused, and not quoted', async (field, text) => {
  write(text);
  const refusal = open({ [field]: REF });
  await expect(refusal).rejects.toMatchObject({ code: 'bad-secret', message: expect.stringContaining(field) });
  await expect(refusal).rejects.not.toThrow(text);
});

test('credentials that follow are in use a moment later, and what cannot be read leaves the last good ones', async () => {
  write('mta:first');
  const { credentials } = await open({ credentialsRef: REF });
  expect(credentials?.current).toMatchObject({ user: 'mta', password: 'first' });
  write('mta:second');
  clock.advance(LOOK_EVERY);
  await expect.poll(() => credentials?.current).toMatchObject({ password: 'second' });
  await expect.poll(() => clock.timers).toBe(1);
  write('nobody knows');
  clock.advance(LOOK_EVERY);
  await expect.poll(() => error.mock.calls.length).toBe(1);
  expect(credentials?.current).toMatchObject({ password: 'second' });
  expect(JSON.stringify(error.mock.calls)).not.toContain('nobody knows');
});
