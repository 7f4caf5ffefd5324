import { userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { userName } from './user-name.ts';

test('who runs the process has the name that the system has', () => {
  expect(userName()).toBe(userInfo().username);
});

test('where the system has no name for a number it is the number', () => {
  const unknown = (): never => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  expect(userName(unknown)).toBe(`uid ${process.getuid?.()}`);
});
