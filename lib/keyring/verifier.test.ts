import { scrypt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import type { CredentialRecord, Keyring } from './keyring.ts';
import { CUSTOMARY, proofOfChosen, proofOfGenerated } from './proof.ts';
import { type Verifier, openVerifier, splitToken, tokenOf } from './verifier.ts';

const random = seededRandom(1);
const GENERATED = random.bytes(32).toString('base64url');

/** A quarter of the customary: enough to be told from everything else. */
const EFFORT = { ...CUSTOMARY, cost: CUSTOMARY.cost / 4 };

/** Records that a test can change. */
class FakeKeyring implements Keyring {
  readonly records = new Map<string, CredentialRecord>();

  returnPathKeys(): readonly [] {
    return [];
  }

  signingKeys(): readonly [] {
    return [];
  }

  credential(username: string): CredentialRecord | undefined {
    return this.records.get(username);
  }
}

async function open(): Promise<{ verifier: Verifier; keyring: FakeKeyring; clock: FakeClock }> {
  const keyring = new FakeKeyring();
  keyring.records.set('default.made', { v: 1, username: 'default.made', secret: proofOfGenerated(GENERATED) });
  keyring.records.set('default.own', {
    v: 1,
    username: 'default.own',
    secret: await proofOfChosen('correct horse', random, EFFORT),
  });
  const clock = new FakeClock();
  return { verifier: await openVerifier(keyring, clock, random, EFFORT), keyring, clock };
}

/** Milliseconds of processor time that `act` takes, on all threads: what waiting for other processes does not change. */
async function costOf(act: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Of one proof: the first of a process costs more, and so does one that is disturbed. */
const costOfProof = (): Promise<number> => costOf(() => proofOfChosen('x', random, EFFORT));

describe('a secret', () => {
  const opened = open();
  it.each([
    ['default.made', GENERATED, true],
    ['default.made', `${GENERATED}x`, false],
    ['default.made', '', false],
    ['default.own', 'correct horse', true],
    ['default.own', 'correct horse ', false],
    ['default.own', '', false],
    ['default.none', 'correct horse', false],
    ['', '', false],
    ['__proto__', 'x', false],
  ])('of %j as %j is right: %s', async (username, secret, isRight) => {
    const { verifier, keyring } = await opened;
    expect(await verifier.verify(username, secret)).toBe(isRight ? keyring.records.get(username) : undefined);
  });

  it('that is wrong costs one scrypt, whether or not the user exists', async () => {
    const { verifier } = await open();
    const costs = [await costOfProof(), await costOfProof(), await costOfProof()];
    const cost = Math.min(...costs);
    for (const username of ['default.made', 'default.own', 'default.none'])
      expect(await costOf(() => verifier.verify(username, 'wrong'))).toBeGreaterThan(cost / 3);
  });

  it('that is right is remembered, so that a thousand logins cost less than twenty', async () => {
    const { verifier } = await open();
    const first = await costOf(() => verifier.verify('default.own', 'correct horse'));
    const thousand = await costOf(async () => {
      for (let login = 0; login < 1000; login += 1) await verifier.verify('default.own', 'correct horse');
    });
    expect(thousand).toBeLessThan(20 * first);
  });

  it('that is right is asked for once when a thousand log in at the same time', async () => {
    const { verifier } = await open();
    const first = await costOfProof();
    const logins = Array.from({ length: 1000 }, () => verifier.verify('default.own', 'correct horse'));
    const thousand = await costOf(async () => expect(await Promise.all(logins)).not.toContain(undefined));
    expect(thousand).toBeLessThan(20 * first);
  });

  it('is forgotten after five minutes, and never remembered for another user or when wrong', async () => {
    const { verifier, clock } = await open();
    await verifier.verify('default.own', 'correct horse');
    clock.advance(minutes(5) - 1);
    expect(await isQuick(verifier, 'default.own', 'correct horse')).toBe(true);
    expect(await isQuick(verifier, 'default.none', 'correct horse')).toBe(false);
    clock.advance(1);
    expect(await isQuick(verifier, 'default.own', 'correct horse')).toBe(false);
    expect(await isQuick(verifier, 'default.own', 'wrong')).toBe(false);
    expect(await isQuick(verifier, 'default.own', 'wrong')).toBe(false);
  });

  it('is no longer right once it was changed or taken away, however lately it was used', async () => {
    const { verifier, keyring } = await open();
    await verifier.verify('default.own', 'correct horse');
    const changed = await proofOfChosen('battery staple', random, EFFORT);
    keyring.records.set('default.own', { v: 1, username: 'default.own', secret: changed });
    expect(await verifier.verify('default.own', 'correct horse')).toBeUndefined();
    expect(await verifier.verify('default.own', 'battery staple')).toBeDefined();
    keyring.records.delete('default.own');
    expect(await verifier.verify('default.own', 'battery staple')).toBeUndefined();
  });

  it('that is guessed leaves threads for signing: guesses wait in line, and all are answered', async () => {
    const { verifier } = await open();
    const guesses = Array.from({ length: 6 }, (_, guess) => verifier.verify('default.own', String(guess)));
    // Two of the pool's four threads are taken, so work that needs one is done long before the guesses are.
    const order: string[] = [];
    const all = Promise.all(guesses).then(() => order.push('guesses'));
    await new Promise((resolve) => scrypt('x', 'salt', 32, { N: 2 }, resolve)).then(() => order.push('work'));
    await all;
    expect(order).toEqual(['work', 'guesses']);
    expect(await Promise.all(guesses)).toEqual(guesses.map(() => undefined));
  });
});

/** Whether an answer came without work for another thread: within a turn of the loop. */
async function isQuick(verifier: Verifier, username: string, secret: string): Promise<boolean> {
  const turn = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)));
  const quick = await Promise.race([verifier.verify(username, secret).then(() => true), turn]);
  await verifier.verify(username, secret);
  return quick;
}

describe('a token', () => {
  it('holds username and secret', () => {
    expect(tokenOf('default.app', 'secret')).toBe('default.app~secret');
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.-]+$/), fc.string(), (username, secret) => {
        expect(splitToken(tokenOf(username, secret))).toEqual({ username, secret });
      }),
    );
  });

  it('without a username is nobody', () => {
    expect(splitToken('secret')).toEqual({ username: '', secret: '' });
  });
});
