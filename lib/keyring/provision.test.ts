import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { sample } from '#crds/sample.ts';
import { type Resources, gather } from '#crds/source/resources.ts';
import { validate } from '#crds/validate.ts';
import { kindOf, pemOf } from '#lib/dkim/key.ts';
import { hours } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { openKeyring } from './folder.ts';
import type { Keyring } from './keyring.ts';
import { CUSTOMARY } from './proof.ts';
import { provision } from './provision.ts';
import { type Endpoint, type Provisioned, type Surroundings, keyringFolder } from './surroundings.ts';
import { openVerifier, splitToken } from './verifier.ts';

const random = seededRandom(7);
const ENDPOINT: Endpoint = { scheme: 'smtps', host: 'mail.example.com', port: 465 };

function world(...documents: readonly object[]): Resources {
  return gather(
    documents.map((document) => {
      const validated = validate(document);
      if (validated.kind === 'invalid') throw new Error(JSON.stringify(validated.problems));
      return validated.resource;
    }),
  );
}

let to: Surroundings & { readonly clock: FakeClock };

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postfleet-provision-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const clock = new FakeClock(Date.UTC(2026, 0, 31, 23));
  to = { dataFolder: join(folder, 'data'), configFolder: join(folder, 'config'), clock, random };
});

const inData = (path: string): string => join(to.dataFolder, path);
const made = ({ made: paths }: Provisioned): string[] => paths.map((path) => relative(to.dataFolder, path));

async function choose(path: string, text: string): Promise<void> {
  const file = join(to.configFolder, 'secrets', path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function open(): Promise<Keyring> {
  const keyring = await openKeyring(keyringFolder(to.dataFolder), to.clock);
  keyring.close();
  return keyring;
}

async function isRight(username: string, secret: string): Promise<boolean> {
  // What is unknown costs next to nothing: the secrets under test take their own effort.
  const verifier = await openVerifier(await open(), to.clock, random, { ...CUSTOMARY, cost: 2 });
  return (await verifier.verify(username, secret)) !== undefined;
}

/** Every file below the data folder with its text: what a second run must leave as it is. */
async function snapshot(): Promise<Map<string, string>> {
  const entries = await readdir(to.dataFolder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file, 'utf8')] as const)));
}

const DOMAIN = sample('SendingDomain');
const ED25519 = sample('SendingDomain', { dkim: { algorithms: ['Ed25519'] } });
const CREDENTIAL = sample('SendingCredential');
const CHOSEN = sample('SendingCredential', { secretRef: { name: 'app', key: 'password' } });

describe('provisioning', () => {
  it('makes a key for each algorithm and a secret for each credential, readable by the owner only', async () => {
    const done = await provision(world(DOMAIN, CREDENTIAL), { ...to, endpoint: ENDPOINT });
    expect(done.problems).toEqual([]);
    expect(made(done)).toEqual([
      'keyring/dkim/default/pf20260131r._domainkey.example.com.pem',
      'keyring/dkim/default/pf20260131e._domainkey.example.com.pem',
      'secrets/default.app/password',
      'secrets/default.app/username',
      'secrets/default.app/token',
      'secrets/default.app/host',
      'secrets/default.app/port',
      'secrets/default.app/uri',
      'keyring/credentials/default.app.json',
    ]);
    for (const path of done.made) expect((await stat(path)).mode & 0o777).toBe(0o600);
    for (const folder of [
      '',
      'keyring',
      'keyring/dkim',
      'keyring/dkim/default',
      'keyring/credentials',
      'secrets',
      'secrets/default.app',
    ])
      expect((await stat(inData(folder))).mode & 0o777).toBe(0o700);
  });

  it('ends in the same state however often it runs, on whatever day', async () => {
    await provision(world(DOMAIN, CREDENTIAL), { ...to, endpoint: ENDPOINT });
    const first = await snapshot();
    to.clock.advance(hours(24 * 365));
    const again = await provision(world(DOMAIN, CREDENTIAL), { ...to, endpoint: ENDPOINT });
    expect(again).toEqual({ made: [], problems: [] });
    expect(await snapshot()).toEqual(first);
  });

  it('finishes what a run that was cut short left, whichever files were written', async () => {
    await provision(world(ED25519, CREDENTIAL), to);
    const whole = await snapshot();
    // The order in which a run writes: a crash leaves a beginning of it.
    const order = [...whole.keys()].filter((path) => path.includes('default.app'));
    for (const lost of order.filter((path) => !path.endsWith('password'))) {
      await unlink(lost);
      await writeFile(`${dirname(lost)}/.half.new`, 'half');
      await provision(world(ED25519, CREDENTIAL), to);
      await unlink(`${dirname(lost)}/.half.new`);
      expect(await snapshot()).toEqual(whole);
    }
  });

  it('reports where it cannot write', async () => {
    await writeFile(dirname(to.dataFolder) + '/data', 'a file in the way');
    await expect(provision(world(CREDENTIAL), to)).rejects.toMatchObject({ code: 'data-unwritable' });
  });
});

describe('a domain', () => {
  it('signs with what was made', async () => {
    await provision(world(DOMAIN), to);
    const keys = (await open()).signingKeys('example.com');
    expect(keys.map(({ selector, privateKey }) => [selector, kindOf(privateKey)])).toEqual([
      ['pf20260131e', 'Ed25519'],
      ['pf20260131r', 'RSA2048'],
    ]);
  });

  it('gets only the key that is missing when an algorithm is added', async () => {
    await provision(world(ED25519), to);
    to.clock.advance(hours(1));
    expect(made(await provision(world(DOMAIN), to))).toEqual([
      'keyring/dkim/default/pf20260201r._domainkey.example.com.pem',
    ]);
  });

  it('is told when the selector it would get is taken today', async () => {
    await provision(world(DOMAIN), to);
    const larger = sample('SendingDomain', { dkim: { algorithms: ['RSA4096'] } });
    expect(await provision(world(larger), to)).toEqual({
      made: [],
      problems: ['SendingDomain default/example.com: selector pf20260131r is taken by another key today: try tomorrow'],
    });
  });

  const THEIRS = sample('SendingDomain', { dkim: { algorithms: ['Ed25519'] } }, { namespace: 'team' });
  const FLAT = 'keyring/dkim/pf20250101e._domainkey.example.com.pem';
  const OWNED = 'keyring/dkim/default/pf20250101e._domainkey.example.com.pem';

  it('has keys of its own in each namespace that claims it', async () => {
    expect(made(await provision(world(ED25519, THEIRS), to))).toEqual([
      'keyring/dkim/default/pf20260131e._domainkey.example.com.pem',
      'keyring/dkim/team/pf20260131e._domainkey.example.com.pem',
    ]);
    const keyring = await open();
    const [ours, theirs] = ['default', 'team'].map((name) => keyring.signingKeys('example.com', name)[0]?.record);
    expect(ours).not.toBe(theirs);
  });

  it('keeps the keys it had before they lay in folders of namespaces', async () => {
    const text = pemOf(generateKeyPairSync('ed25519').privateKey);
    await mkdir(inData('keyring/dkim'), { recursive: true });
    await writeFile(inData(FLAT), text);
    expect(made(await provision(world(ED25519), to))).toEqual([OWNED]);
    expect(await readFile(inData(OWNED), 'utf8')).toBe(text);
    expect(await provision(world(ED25519), to)).toEqual({ made: [], problems: [] });
    expect(made(await provision(world(ED25519, THEIRS), to))).toHaveLength(1);
  });

  it('gets no key at all while nobody can tell to which claim the old one belongs', async () => {
    await mkdir(inData('keyring/dkim'), { recursive: true });
    await writeFile(inData(FLAT), pemOf(generateKeyPairSync('ed25519').privateKey));
    const { made: none, problems } = await provision(world(ED25519, THEIRS), to);
    expect([none, problems.length, problems[0]]).toEqual([
      [],
      2,
      expect.stringContaining('pf20250101e._domainkey.example.com.pem must be moved into'),
    ]);
  });

  it('makes no second key beside one that cannot be read', async () => {
    await provision(world(ED25519), to);
    await writeFile(inData('keyring/dkim/default/pf20260131e._domainkey.example.com.pem'), 'damaged');
    const done = await provision(world(ED25519), to);
    expect(done).toEqual({
      made: [],
      problems: [expect.stringContaining('The DKIM key pf20260131e of example.com must be')],
    });
  });
});

const own = (algorithm: string): object =>
  sample('SendingDomain', {
    dkim: {
      algorithms: ['Ed25519'],
      existingKeys: [{ selector: 's1', algorithm, secretRef: { name: 'dkim', key: 'key.pem' } }],
    },
  });

describe('a key of your own', () => {
  const pem = (): string => pemOf(generateKeyPairSync('ed25519').privateKey);

  it('is used under its selector in place of one made here, and followed when it changes', async () => {
    for (const text of [pem(), pem()]) {
      await choose('dkim/key.pem', text);
      expect(made(await provision(world(own('Ed25519')), to))).toEqual([
        'keyring/dkim/default/s1._domainkey.example.com.pem',
      ]);
      expect((await open()).signingKeys('example.com').map(({ privateKey }) => pemOf(privateKey))).toEqual([text]);
    }
  });

  it.each([
    ['is not there', undefined, 'Ed25519', 'existing key s1: the secret it refers to is not there: put it into'],
    ['is no key', 'hunter2', 'Ed25519', 'existing key s1: The DKIM key s1 of example.com must be a private key in PEM'],
    ['is of another algorithm', pem(), 'RSA2048', 'existing key s1: must be of algorithm RSA2048'],
  ])('is a problem when it %s, without being repeated', async (_, text, algorithm, problem) => {
    if (text !== undefined) await choose('dkim/key.pem', text);
    const { problems } = await provision(world(own(algorithm)), to);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems.join('')).not.toContain('hunter2');
  });
});

describe('a generated credential', () => {
  const read = (name: string): Promise<string> => readFile(inData(`secrets/default.app/${name}`), 'utf8');

  it('opens the door by password, by token and by uri', async () => {
    await provision(world(CREDENTIAL), { ...to, endpoint: ENDPOINT });
    const password = await read('password');
    expect(Buffer.from(password, 'base64url')).toHaveLength(32);
    expect(await read('username')).toBe('default.app');
    expect(splitToken(await read('token'))).toEqual({ username: 'default.app', secret: password });
    expect(new URL(await read('uri'))).toMatchObject({
      username: 'default.app',
      password,
      host: 'mail.example.com:465',
    });
    expect([await read('host'), await read('port')]).toEqual(['mail.example.com', '465']);
    expect(await isRight('default.app', password)).toBe(true);
    expect(await isRight('default.app', `${password.slice(1)}A`)).toBe(false);
  });

  it('follows the address it is given, and keeps the password', async () => {
    await provision(world(CREDENTIAL), { ...to, endpoint: ENDPOINT });
    const password = await read('password');
    const moved = await provision(world(CREDENTIAL), { ...to, endpoint: { scheme: 'smtp', host: '::1', port: 2525 } });
    expect(made(moved)).toEqual(['host', 'port', 'uri'].map((name) => `secrets/default.app/${name}`));
    expect(await read('uri')).toBe(`smtp://default.app:${password}@[::1]:2525`);
  });

  it('goes on working, and nothing is made anew, when its password was taken away', async () => {
    await provision(world(CREDENTIAL), to);
    const password = await read('password');
    await rm(inData('secrets/default.app'), { recursive: true });
    expect(await provision(world(CREDENTIAL), to)).toEqual({ made: [], problems: [] });
    expect(await isRight('default.app', password)).toBe(true);
  });

  it('does not take a password put in its file by hand, which might be guessed', async () => {
    await provision(world(CREDENTIAL), to);
    await writeFile(inData('secrets/default.app/password'), 'hunter2');
    const { problems } = await provision(world(CREDENTIAL), to);
    expect(problems).toEqual([expect.stringContaining('SendingCredential default.app: ')]);
    expect(problems.join('')).not.toContain('hunter2');
    expect(await isRight('default.app', 'hunter2')).toBe(false);
  });
});

describe('a chosen credential', () => {
  it('is proven by scrypt, laid out nowhere, and followed when it changes', async () => {
    for (const secret of ['correct horse', 'battery staple']) {
      await choose('app/password', `${secret}\n`);
      expect(made(await provision(world(CHOSEN), to))).toEqual(['keyring/credentials/default.app.json']);
      expect(await provision(world(CHOSEN), to)).toEqual({ made: [], problems: [] });
      expect((await open()).credential('default.app')?.secret.kind).toBe('scrypt');
      expect(await isRight('default.app', secret)).toBe(true);
      expect([...(await snapshot()).values()].join('')).not.toContain(secret);
    }
    expect(await isRight('default.app', 'correct horse')).toBe(false);
  });

  it('takes the place of a generated one, and gives it back', async () => {
    await provision(world(CREDENTIAL), to);
    const password = await readFile(inData('secrets/default.app/password'), 'utf8');
    await choose('app/password', 'correct horse');
    await provision(world(CHOSEN), to);
    expect(await isRight('default.app', password)).toBe(false);
    await provision(world(CREDENTIAL), to);
    expect(await isRight('default.app', password)).toBe(true);
  });

  it.each([
    ['is not there', undefined, 'the secret it refers to is not there: put it into'],
    ['is empty', '\n', 'the secret must be one line of text'],
    ['has two lines', 'a\nb\n', 'the secret must be one line of text'],
    ['holds what no login can send', 'a\0b', 'the secret must be one line of text'],
  ])('is a problem when it %s, and holds up nothing else', async (_, text, problem) => {
    if (text !== undefined) await choose('app/password', text);
    const done = await provision(world(CHOSEN, sample('SendingCredential', {}, { name: 'other' })), to);
    expect(done.problems).toEqual([expect.stringContaining(`SendingCredential default.app: ${problem}`)]);
    expect(await readdir(inData('keyring/credentials'))).toEqual(['default.other.json']);
  });
});
