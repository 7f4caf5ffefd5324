import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { hours, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { Log } from '#lib/run/log.ts';
import { seededRandom } from '#lib/run/random.ts';
import { until } from '../../test/harness/until.ts';
import { worldWith } from '../../test/harness/world.ts';
import { Declared, endpointOf } from './declared.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'postfleet-declared-'));
  for (const name of ['config', 'data']) mkdirSync(join(root, name));
});
afterEach(() => rmSync(root, { recursive: true }));

// Making an RSA key takes a while; who signs with what is tested where keys are made.
const domain = (name: string): object =>
  sample('SendingDomain', { domain: name, dkim: { algorithms: ['Ed25519'] } }, { name });
const WORLD = [sample('MTACluster'), sample('IPPool'), domain('example.com'), sample('SendingCredential')];

const declare = (...documents: readonly object[]): void =>
  writeFileSync(join(root, 'config/world.yaml'), documents.map((it) => JSON.stringify(it)).join('\n---\n'));

async function open(...documents: readonly object[]) {
  declare(...(documents.length > 0 ? documents : WORLD));
  const clock = new FakeClock();
  const errors: string[] = [];
  const infos: string[] = [];
  const log: Log = {
    info: (message) => infos.push(message),
    warn: () => undefined,
    error: (message, fields) => errors.push(`${message}: ${String(fields?.['reason'])}`),
    flush: async () => undefined,
  };
  const options = { config: join(root, 'config'), data: join(root, 'data'), clock, random: seededRandom(1), log };
  const declared = await Declared.open(options);
  onTestFinished(() => declared.close());
  /** Lets the folder be looked at until `isSeen`. */
  const seen = async (what: string, isSeen: () => boolean): Promise<unknown> =>
    until(what, () => {
      clock.advance(seconds(10));
      return isSeen();
    });
  return { declared, errors, infos, seen, clock };
}

test('a key for return paths is made with the first domain that has one, and a new one follows in time', async () => {
  const { declared, seen, clock } = await open();
  expect(declared.keyring().returnPathKeys()).toEqual([]);
  const own = { domain: 'own.example', dkim: { algorithms: ['Ed25519'] }, returnPathHost: 'bounce.own.example' };
  declare(...WORLD, sample('SendingDomain', own, { name: 'own.example' }));
  await seen('a key for return paths', () => declared.keyring().returnPathKeys().length === 1);
  clock.advance(hours(31 * 24));
  await seen('another key', () => declared.keyring().returnPathKeys().length === 2);
  const [newest, older] = declared.keyring().returnPathKeys();
  expect((newest?.day ?? 0) - (older?.day ?? 0)).toBe(31);
});

describe('at the start', () => {
  test('keys and secrets are there for everything that is declared', async () => {
    const { declared, errors } = await open();
    expect(declared.resources().claimsTo('example.com')).toHaveLength(1);
    expect(declared.keyring().signingKeys('example.com')).toHaveLength(1);
    expect(declared.keyring().credential('default.app')).toMatchObject({ username: 'default.app' });
    expect(readdirSync(join(root, 'data/secrets/default.app'))).toContain('password');
    expect([declared.problems(), errors]).toEqual([[], []]);
  });

  test('resources that are wrong are a fault with a line per problem', async () => {
    await expect(open(sample('IPPool', { members: [] }))).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining('spec.members'),
    });
  });

  test('a key that cannot be read is a fault that names it', async () => {
    mkdirSync(join(root, 'data/keyring/dkim'), { recursive: true });
    writeFileSync(join(root, 'data/keyring/dkim/x._domainkey.other.example.pem'), 'no key');
    await expect(open()).rejects.toMatchObject({
      code: 'keyring-invalid',
      message: expect.stringContaining('x._domainkey.other.example.pem'),
    });
  });

  test('a secret that is named and not there is told of, and the rest works', async () => {
    const missing = sample('SendingCredential', { secretRef: { name: 'gone', key: 'password' } }, { name: 'other' });
    const { declared, errors } = await open(...WORLD, missing);
    expect(errors).toEqual([expect.stringMatching(/^a key or secret is missing: SendingCredential default\.other: /)]);
    expect(declared.keyring().credential('default.app')).toBeDefined();
    expect(declared.keyring().credential('default.other')).toBeUndefined();
  });
});

describe('a change', () => {
  test('is taken with the keys it calls for', async () => {
    const { declared, errors, infos, seen } = await open();
    declare(...WORLD, domain('new.example'));
    await seen('a key for the new domain', () => declared.keyring().signingKeys('new.example').length === 1);
    expect(declared.resources().claimsTo('new.example')).toHaveLength(1);
    await until('the change to be told', () => infos.length === 1);
    expect(errors).toEqual([]);
  });

  test('that is wrong is told, and the last good state stays', async () => {
    const { declared, errors, infos, seen } = await open();
    declare(...WORLD, sample('SendingDomain', { domain: 'BAD.EXAMPLE' }, { name: 'bad' }));
    await seen('the problem', () => errors.length > 0);
    expect(errors).toEqual([expect.stringMatching(/^the last good resources stay in use: .*spec\.domain/)]);
    expect(declared.problems()).toHaveLength(1);
    expect(declared.resources().domains).toHaveLength(1);
    declare(...WORLD, domain('good.example'));
    await seen('it to be mended', () => declared.problems().length === 0);
    await until('the change to be told', () => infos.length === 1);
    expect(declared.resources().domains).toHaveLength(2);
    expect(errors).toHaveLength(1);
  });

  test('keeps the keys that are published', async () => {
    const { declared, seen } = await open();
    const [before] = declared.keyring().signingKeys('example.com');
    declare(...WORLD, domain('new.example'));
    await seen('a key for the new domain', () => declared.keyring().signingKeys('new.example').length === 1);
    expect(declared.keyring().signingKeys('example.com')[0]?.record).toBe(before?.record);
  });
});

test('a start that failed looks at nothing any more', async () => {
  mkdirSync(join(root, 'data/keyring/dkim'), { recursive: true });
  writeFileSync(join(root, 'data/keyring/dkim/bad.pem'), 'no key');
  declare(...WORLD);
  const clock = new FakeClock();
  const log: Log = { info() {}, warn() {}, error() {}, flush: async () => {} };
  const options = { config: join(root, 'config'), data: join(root, 'data'), clock, random: seededRandom(1), log };
  await expect(Declared.open(options)).rejects.toMatchObject({ code: 'keyring-invalid' });
  expect(clock.timers).toBe(0);
});

test.each([
  [
    [{ name: 'a', protocol: 'SMTP', address: '192.0.2.1', port: 587 }],
    { scheme: 'smtp', host: '192.0.2.1', port: 587 },
  ],
  [[{ name: 'a', protocol: 'SMTPS', port: 465 }], { scheme: 'smtps', host: '127.0.0.1', port: 465 }],
  [[{ name: 'a', protocol: 'HTTP', port: 80 }], undefined],
  [
    [
      { name: 'a', protocol: 'HTTP', port: 80 },
      { name: 'b', protocol: 'SMTP', port: 25 },
    ],
    { scheme: 'smtp', host: '127.0.0.1', port: 25 },
  ],
])('senders connect to the first listener that speaks SMTP: %j', (listeners, want) => {
  expect(endpointOf(worldWith({ ingress: { listeners } }))).toEqual(want);
});
