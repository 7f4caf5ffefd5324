import { expect, test } from 'vitest';
import { minutes } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import type { CredentialRecord } from '#lib/keyring/keyring.ts';
import type { Verifier } from '#lib/keyring/verifier.ts';
import { Guesses } from './guesses.ts';
import { logins } from './logins.ts';

const HERE = '192.0.2.1';
const THERE = '198.51.100.1';

function open(more: Partial<Verifier> = {}) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const record = (username: string): CredentialRecord => ({ v: 1, username, secret: { kind: 'sha256', hash: '' } });
  const verifier: Verifier = {
    isGenerated: (username, secret) => username === 'shop.made' && secret === 'generated',
    verify: async (username, secret) => {
      asked.push(secret);
      return username === 'shop.own' && secret === 'chosen' ? record(username) : undefined;
    },
    ...more,
  };
  const logIn = logins(verifier, new Guesses(clock, () => 3));
  const guess = async (username: string, address = HERE): Promise<void> => {
    for (let count = 0; count < 3; count += 1) expect(await logIn(username, 'wrong', address)).toBe(false);
  };
  return { logIn, guess, clock, asked };
}

const LOCKED = { kind: 'locked', retryAfter: minutes(15) };

test.each(['shop.own', 'shop.made', 'shop.nobody'])(
  'A17 guesses at %s end in a lock, whether it exists or not',
  async (username) => {
    const { logIn, guess, asked } = open();
    await guess(username);
    expect(await logIn(username, 'wrong', HERE)).toEqual(LOCKED);
    expect(asked).toHaveLength(3);
  },
);

test('A17 while it is locked a right chosen secret is not told from a wrong one, and the owner comes in from elsewhere', async () => {
  const { logIn, guess } = open();
  await guess('shop.own');
  expect(await logIn('shop.own', 'chosen', HERE)).toEqual(LOCKED);
  expect(await logIn('shop.own', 'chosen', THERE)).toBe(true);
});

test('A17 whoever has a generated secret comes in, whatever others did from there', async () => {
  const { logIn, guess } = open();
  await guess('shop.made');
  expect(await logIn('shop.made', 'generated', HERE)).toBe(true);
});

test('a secret nobody could look at counts neither way', async () => {
  const { logIn } = open({ verify: async () => 'busy' });
  for (let count = 0; count < 10; count += 1) expect(await logIn('shop.own', 'x', HERE)).toEqual({ kind: 'busy' });
});
