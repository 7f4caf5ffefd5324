import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { pemOf } from '#lib/dkim/key.ts';
import { seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { formatBundle, parseBundle } from './bundle.ts';
import { formatCredential } from './credential.ts';
import { credentialFile, keyFile, openKeyring, parseKeyFile, retiredFile } from './folder.ts';
import { proofOfGenerated } from './proof.ts';

const PEM = pemOf(generateKeyPairSync('ed25519').privateKey);
const record = (username: string, secret = 'x'): string =>
  formatCredential({ v: 1, username, secret: proofOfGenerated(secret) });

async function makeKeyring(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postfleet-keyring-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const part of ['dkim', 'credentials']) await mkdir(join(folder, part));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

async function open(files: Readonly<Record<string, string>>) {
  const folder = await makeKeyring(files);
  const clock = new FakeClock();
  const keyring = await openKeyring(folder, clock);
  onTestFinished(() => keyring.close());
  return { folder, clock, keyring };
}

describe('a keyring folder', () => {
  it('gives keys by domain in the order of selectors, and credentials by username', async () => {
    const { keyring } = await open({
      'dkim/b._domainkey.example.com.pem': PEM,
      'dkim/a.x._domainkey.example.com.pem': PEM,
      'dkim/a._domainkey.other.example.pem': PEM,
      'credentials/default.app.json': record('default.app'),
    });
    expect(keyring.signingKeys('example.com').map(({ selector }) => selector)).toEqual(['a.x', 'b']);
    expect(keyring.signingKeys('other.example')).toMatchObject([{ selector: 'a', algorithm: 'ed25519-sha256' }]);
    expect(keyring.signingKeys('none.example')).toEqual([]);
    expect(keyring.credential('default.app')).toMatchObject({ secret: { kind: 'sha256' } });
    expect(keyring.credential('default.none')).toBeUndefined();
  });

  it('gives a namespace its own keys of a domain and nobody what lies in no folder', async () => {
    const folder = await makeKeyring({ 'dkim/a._domainkey.example.com.pem': PEM });
    for (const [namespace, selector] of [['shop', 'b'] as const, ['team', 'c'] as const]) {
      await mkdir(join(folder, 'dkim', namespace));
      await writeFile(join(folder, 'dkim', namespace, `${selector}._domainkey.example.com.pem`), PEM);
    }
    const keyring = await openKeyring(folder, new FakeClock());
    const selectors = (namespace?: string): string[] =>
      keyring.signingKeys('example.com', namespace).map(({ selector }) => selector);
    expect([selectors('shop'), selectors('team'), selectors('other')]).toEqual([['b'], ['c'], []]);
    expect(selectors()).toEqual(['a', 'b', 'c']);
    keyring.close();
  });

  it('is read from a mounted Secret, whose files are links below a folder with dots', async () => {
    const folder = await makeKeyring({});
    await mkdir(join(folder, 'dkim', '..2026'));
    await writeFile(join(folder, 'dkim', '..2026', 'a._domainkey.example.com.pem'), PEM);
    await symlink('..2026', join(folder, 'dkim', '..data'));
    await symlink('..data/a._domainkey.example.com.pem', join(folder, 'dkim', 'a._domainkey.example.com.pem'));
    const keyring = await openKeyring(folder, new FakeClock());
    expect(keyring.signingKeys('example.com')).toHaveLength(1);
  });

  it('is empty where a part is not mounted', async () => {
    const keyring = await openKeyring('/no/such/folder', new FakeClock());
    expect(keyring.signingKeys('example.com')).toEqual([]);
    expect(keyring.problems()).toEqual([]);
  });

  it('is a fault when it is bad at the start, with every problem and no secret', async () => {
    const folder = await makeKeyring({
      'dkim/a._domainkey.example.com.pem': 'hunter2',
      'dkim/notes.txt': '',
      'credentials/default.app.json': '{"hunter2":1}',
      'credentials/default.other.json': record('default.app'),
      'credentials/default.large.json': ' '.repeat(65_537),
      'credentials/bundle.json': '{"hunter2":1}',
      'credentials/.default.new.json.new': 'half',
    });
    const fault = await openKeyring(folder, new FakeClock()).then(() => 'opened', String);
    expect(fault.replaceAll(folder, '<folder>')).toMatchInlineSnapshot(`
      "Fault: Correct or remove these in <folder>:
        <folder>/dkim/a._domainkey.example.com.pem: The DKIM key a of example.com must be a private key in PEM without a passphrase.
        <folder>/dkim/notes.txt: must be named <selector>._domainkey.<domain>.pem
        <folder>/credentials/bundle.json: must be a bundle of version 1
        <folder>/credentials/default.app.json: must be a credential record of version 1
        <folder>/credentials/default.large.json: must have at most 65536 bytes
        <folder>/credentials/default.other.json: must be named default.app.json, after its username"
    `);
  });

  it('sees what is added and taken away when asked, and within ten seconds unasked', async () => {
    const { folder, clock, keyring } = await open({ 'dkim/a._domainkey.example.com.pem': PEM });
    await writeFile(join(folder, 'credentials/default.app.json'), record('default.app'));
    expect(await keyring.reread()).toEqual([]);
    expect(keyring.credential('default.app')).toBeDefined();
    await unlink(join(folder, 'dkim/a._domainkey.example.com.pem'));
    clock.advance(seconds(10));
    await vi.waitFor(() => expect(keyring.signingKeys('example.com')).toEqual([]), { timeout: 8000 });
  });

  it('does not parse again what has not changed, and does what has', async () => {
    const { folder, keyring } = await open({
      'dkim/a._domainkey.example.com.pem': PEM,
      'credentials/default.app.json': record('default.app', 'old'),
    });
    const [key] = keyring.signingKeys('example.com');
    await writeFile(join(folder, 'credentials/default.app.json'), record('default.app', 'new'));
    await keyring.reread();
    expect(keyring.signingKeys('example.com')[0]).toBe(key);
    expect(keyring.credential('default.app')?.secret).toEqual(proofOfGenerated('new'));
  });

  it('keeps the last good keyring while a file is bad, and says which', async () => {
    const { folder, keyring } = await open({ 'dkim/a._domainkey.example.com.pem': PEM });
    await writeFile(join(folder, 'dkim/a._domainkey.example.com.pem'), 'hunter2');
    await writeFile(join(folder, 'credentials/default.app.json'), record('default.app'));
    expect(await keyring.reread()).toEqual([
      expect.stringContaining('a._domainkey.example.com.pem: The DKIM key a of'),
    ]);
    expect(keyring.signingKeys('example.com')).toHaveLength(1);
    expect(keyring.credential('default.app')).toBeUndefined();
    await writeFile(join(folder, 'dkim/a._domainkey.example.com.pem'), PEM);
    expect(await keyring.reread()).toEqual([]);
    expect(keyring.credential('default.app')).toBeDefined();
  });

  it('leaves no timer behind when closed, even while it is read', async () => {
    const { clock, keyring } = await open({});
    const reading = keyring.reread();
    keyring.close();
    keyring.close();
    await reading;
    expect(clock.timers).toBe(0);
  });
});

/** As a kubelet mounts it: links to a folder that another takes the place of. */
async function mount(folder: string, version: string, bundles: Readonly<Record<string, string>>): Promise<void> {
  for (const part of ['dkim', 'credentials', 'return-path'])
    await mkdir(join(folder, version, part), { recursive: true });
  for (const [name, text] of Object.entries(bundles)) await writeFile(join(folder, version, name), text);
  await symlink(version, join(folder, '..new'));
  await rename(join(folder, '..new'), join(folder, '..data'));
}

async function openMounted(bundles: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'postfleet-keyring-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const part of ['dkim', 'credentials', 'return-path']) await symlink(join('..data', part), join(folder, part));
  await mount(folder, '..1', bundles);
  const clock = new FakeClock();
  const keyring = await openKeyring(folder, clock);
  onTestFinished(() => keyring.close());
  return { folder, clock, keyring };
}

const bundleOf = (files: Readonly<Record<string, string>>): string => formatBundle(new Map(Object.entries(files)));
const inFolder = (selector: string): string => `mail/${keyFile(selector, 'example.com')}`;

describe('a keyring that is mounted in bundles', () => {
  it('is what it would be in files, and says which bundles it has', async () => {
    const dkim = bundleOf({ [inFolder('a')]: PEM, [inFolder('b')]: PEM });
    const { keyring } = await openMounted({
      'dkim/00.json': dkim,
      'dkim/01.json': bundleOf({}),
      'credentials/bundle.json': bundleOf({ 'mail.app.json': record('mail.app') }),
      'return-path/bundle.json': bundleOf({ '20261122.key': Buffer.alloc(32).toString('base64') }),
    });
    const selectors = (namespace: string): string[] =>
      keyring.signingKeys('example.com', namespace).map(({ selector }) => selector);
    expect([selectors('mail'), selectors('shop')]).toEqual([['a', 'b'], []]);
    expect(keyring.credential('mail.app')).toMatchObject({ secret: { kind: 'sha256' } });
    expect(keyring.returnPathKeys()).toHaveLength(1);
    expect([...keyring.revisions().keys()]).toEqual([
      'dkim/00.json',
      'dkim/01.json',
      'credentials/bundle.json',
      'return-path/bundle.json',
    ]);
    expect(keyring.revisions().get('dkim/00.json')).toBe(parseBundle(dkim)?.revision);
  });

  it('is read anew within ten seconds of a change, only what is another is parsed again, and it is told', async () => {
    const { folder, clock, keyring } = await openMounted({ 'dkim/00.json': bundleOf({ [inFolder('a')]: PEM }) });
    const [before] = keyring.signingKeys('example.com');
    let told = 0;
    keyring.onChange(() => (told += 1));
    await keyring.reread();
    expect(told).toBe(0);
    const next = bundleOf({ [inFolder('a')]: PEM, [inFolder('b')]: PEM });
    await mount(folder, '..2', { 'dkim/00.json': next });
    clock.advance(seconds(10));
    await vi.waitFor(() => expect(told).toBe(1), { timeout: 8000 });
    expect(keyring.signingKeys('example.com')[0]).toBe(before);
    expect(keyring.signingKeys('example.com')).toHaveLength(2);
    expect(keyring.revisions().get('dkim/00.json')).toBe(parseBundle(next)?.revision);
  });

  it.each([
    ['half of one', bundleOf({ [inFolder('b')]: PEM }).slice(0, -9), 'must be a bundle of version 1'],
    ['one with what is no key', bundleOf({ [inFolder('b')]: 'hunter2' }), 'b of example.com must be a private key'],
    ['one with another file', bundleOf({ 'mail/notes': '' }), 'mail/notes in it: must be named <selector>'],
  ])('stays as it was after %s, and says so without secrets', async (_, text, says) => {
    const { folder, keyring } = await openMounted({ 'dkim/00.json': bundleOf({ [inFolder('a')]: PEM }) });
    const before = new Map(keyring.revisions());
    await mount(folder, '..2', { 'dkim/00.json': text });
    const problems = await keyring.reread();
    expect(problems).toEqual([expect.stringContaining(says)]);
    expect(problems.join()).not.toContain('hunter2');
    expect(keyring.signingKeys('example.com').map(({ selector }) => selector)).toEqual(['a']);
    expect(keyring.revisions()).toEqual(before);
  });

  it('signs no more with a key that retires, though an older keyring is written over it', async () => {
    const older = bundleOf({ [inFolder('a')]: PEM });
    const newer = bundleOf({ [inFolder('b')]: PEM, [`mail/${retiredFile('a', 'example.com')}`]: '' });
    const { folder, keyring } = await openMounted({ 'dkim/00.json': newer });
    await mount(folder, '..2', { 'dkim/00.json': older });
    expect(await keyring.reread()).toEqual([]);
    expect(keyring.signingKeys('example.com', 'mail').map(({ selector }) => selector)).toEqual(['b']);
  });
});

describe('the name of a file', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));

  it('of a key says selector and domain', () => {
    fc.assert(
      fc.property(name, name, (selector, domain) => {
        expect(parseKeyFile(keyFile(selector, domain))).toEqual({ selector, domain });
      }),
    );
  });

  it('may be a key of a Secret', () => {
    expect(keyFile('pf20260101r', 'example.com')).toMatch(/^[-._a-zA-Z0-9]+$/);
    expect(credentialFile('default.app')).toMatch(/^[-._a-zA-Z0-9]+$/);
  });

  it.each([
    'a.pem',
    '_domainkey.example.com.pem',
    'a._domainkey.pem',
    'A._domainkey.example.com.pem',
    '../a._domainkey.b.pem',
  ])('of no key is none: %s', (file) => {
    expect(parseKeyFile(file)).toBeUndefined();
  });
});
