import { expect, test } from 'vitest';
import { generateSecret, isGeneratedSecret } from './proof.ts';

/** The bytes of base64url texts, one after another. */
const saying = (texts: readonly string[]) => {
  const left = [...texts];
  return { bytes: () => Buffer.from(left.shift() ?? '', 'base64url'), fraction: () => 0 };
};

test('a generated secret begins with no hyphen: programs would take it for an option of theirs', () => {
  const [bad, good] = ['-'.padEnd(43, 'A'), 'x-'.padEnd(43, 'A')];
  expect(generateSecret(saying([bad, bad, good]))).toBe(good);
  expect(isGeneratedSecret(good)).toBe(true);
});
