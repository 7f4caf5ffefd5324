import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { sample } from '#crds/sample.ts';
import { worldOf } from '../../test/harness/world.ts';
import { hours } from '../run/clock.ts';
import { FakeClock } from '../run/fake-clock.ts';
import { seededRandom } from '../run/random.ts';
import { openKeyring } from './folder.ts';
import { provisionReturnPath } from './provision-return-path.ts';
import { dayOf, parseReturnPathKeyFile, readReturnPathKey, returnPathKeyFile } from './return-path-key.ts';
import { makeFolder } from './store.ts';
import { keyringFolder } from './surroundings.ts';

const DAY = hours(24);

test('a file is named by its day, and nothing else is the name of a key', () => {
  expect(returnPathKeyFile(dayOf(Date.UTC(2026, 10, 22, 23, 59)))).toBe('20261122.key');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 32_767 }), (day) => parseReturnPathKeyFile(returnPathKeyFile(day)) === day),
  );
  for (const name of ['20261131.key', '2026112.key', '20261122.pem', 'x20261122.key', '20261122.key~', '00000000.key'])
    expect(parseReturnPathKeyFile(name)).toBeUndefined();
});

test('a key that is not 32 bytes is refused without being repeated', () => {
  const text = Buffer.alloc(31, 7).toString('base64');
  expect(() => readReturnPathKey('20261122.key', text)).toThrow('must be 32 bytes in base64');
  expect(() => readReturnPathKey('today.key', text)).toThrow('must be named <yyyymmdd>.key');
});

describe('keys of return paths', () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const { domains } = worldOf(sample('SendingDomain', { returnPathHost: 'bounce.example.com' }));
  let dataFolder: string;
  let folder: string;
  beforeEach(async () => {
    dataFolder = await mkdtemp(join(tmpdir(), 'postfleet-return-path-'));
    onTestFinished(() => rm(dataFolder, { recursive: true }));
    folder = join(keyringFolder(dataFolder), 'return-path');
    await makeFolder(folder);
  });
  const provision = (random = seededRandom(1), of = domains) =>
    provisionReturnPath(of, { dataFolder, configFolder: '', clock, random });

  test('none is made for domains without a return path of their own', async () => {
    expect(await provision(seededRandom(1), worldOf(sample('SendingDomain')).domains)).toMatchObject({ made: [] });
    expect(await readdir(folder)).toEqual([]);
  });

  test('one is made for the owner only, and made once', async () => {
    const { made } = await provision();
    expect(made).toEqual([join(folder, '20260101.key')]);
    expect((await stat(made[0] ?? '')).mode & 0o777).toBe(0o600);
    expect(await provision(seededRandom(2))).toMatchObject({ made: [] });
    const keyring = await openKeyring(keyringFolder(dataFolder), clock);
    keyring.close();
    expect(keyring.returnPathKeys().map(({ secret }) => secret.export())).toEqual([seededRandom(1).bytes(32)]);
  });

  test('a new one follows after 30 days, and an old one goes when nothing it signed can be valid', async () => {
    const seen: string[] = [];
    for (let day = 0; day < 130; day += 1, clock.advance(DAY)) {
      await provision();
      const names = (await readdir(folder)).join(' ');
      if (names !== seen.at(-1)) seen.push(names);
    }
    expect(seen).toEqual([
      '20260101.key',
      '20260101.key 20260131.key',
      '20260101.key 20260131.key 20260302.key',
      '20260131.key 20260302.key',
      '20260131.key 20260302.key 20260401.key',
      '20260302.key 20260401.key',
      '20260302.key 20260401.key 20260501.key',
      '20260401.key 20260501.key',
    ]);
  });
});
