import { expect, test } from 'vitest';
import { codeOf } from '#lib/run/fault.ts';
import { Logins } from './logins.ts';

const knows = (logins: Logins, user: string, password: string): boolean =>
  logins.knows({ user: Buffer.from(user), password: Buffer.from(password) });

test('each line is a login, and nothing else is', () => {
  const logins = Logins.from('worker:one\r\nworker:two\n\n  alone  \n', 'the file');
  expect(knows(logins, 'worker', 'one')).toBe(true);
  expect(knows(logins, 'worker', 'two')).toBe(true);
  expect(knows(logins, 'postfleet', 'alone')).toBe(true);
  for (const [user, password] of [
    ['worker', 'three'],
    ['worker', ''],
    ['workero', 'ne'],
    ['worke', 'r:one'],
    ['WORKER', 'one'],
    ['postfleet', 'one'],
    ['', 'alone'],
  ] as const)
    expect([user, password, knows(logins, user, password)]).toEqual([user, password, false]);
});

test('a password may have colons', () => {
  expect(knows(Logins.from('worker:a:b', 'the file'), 'worker', 'a:b')).toBe(true);
});

test.each([
  ['nothing', ' \n'],
  ['no password', 'worker:'],
  ['no user', ':secret-word'],
  ['a password too long', `worker:${'secret-word'.repeat(24)}`],
  ['a good line and a bad one', 'worker:secret-word\nworker:'],
  ['too many', 'worker:secret-word\n'.repeat(17)],
])('%s is refused without a word of it', (_, text) => {
  let thrown: unknown;
  try {
    Logins.from(text, 'the file');
  } catch (error) {
    thrown = error;
  }
  expect(codeOf(thrown)).toBe('logins-invalid');
  expect(String(thrown)).toContain('the file');
  expect(String(thrown)).not.toContain('secret-word');
});
