import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readReport } from './read-report.ts';

const ID = '01m804kbq61h2td7vkqgy132ca';
const PATH = `b-${ID}001-0zj${'0'.repeat(3)}${'q'.repeat(20)}@bounce.example.com`;

const clues = async (...lines: readonly string[]) => {
  const { returnPaths, messageIds } = await readReport(Buffer.from(lines.join('\r\n')));
  return { returnPaths, messageIds };
};
const part = (type: string, ...lines: readonly string[]): readonly string[] => [
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  `Content-Type: ${type}`,
  ...lines,
  '--b--',
  '',
];

describe('a return path of ours is found', () => {
  test.each<[string, readonly string[]]>([
    ['in the text', ['Subject: x', '', `It was sent as ${PATH}.`]],
    ['in any case', ['Subject: x', '', PATH.toUpperCase()]],
    ['in a field of the report', part('message/feedback-report', '', `Original-Mail-From: <${PATH}>`)],
    ['in any field of the original', part('message/rfc822', '', 'From: a@b.example', `X-Any: abc;${PATH};x`, '', '')],
    ['in a field of the mail itself', [`X-Original-Return-Path: ${PATH}`, '', '']],
    [
      'where lines are cut by an encoding',
      part(
        'text/plain',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        `Sent as ${PATH.slice(0, 40)}=`,
        PATH.slice(40),
      ),
    ],
  ])('%s', async (_, lines) => {
    expect((await clues(...lines)).returnPaths.map((it) => it.toLowerCase())).toEqual([PATH]);
  });
});

describe('a message of ours is found', () => {
  test.each<[string, readonly string[]]>([
    [
      'by our Received',
      part('message/rfc822', '', 'Received: from a', `\tby b (Postfleet) with HTTP id ${ID};`, '', ''),
    ],
    ['by our Received, folded anew', part('text/rfc822-headers', '', `Received: from a with HTTP id\r\n ${ID}; x`)],
    ['by our Message-ID', ['Subject: x', '', 'This is a copy', `Message-ID: <${ID.toUpperCase()}@example.com>`]],
    ['by an answer to it', [`In-Reply-To: <${ID}@example.com>`, '', 'x']],
  ])('%s', async (_, lines) => expect((await clues(...lines)).messageIds).toEqual([ID]));

  test('and nothing that only looks like it', async () => {
    expect(await clues('Subject: x', '', `${ID} <x${ID}@b.example> <${ID}x@b.example> id:${ID}`)).toEqual({
      returnPaths: [],
      messageIds: [],
    });
  });
});

test('whatever is in it, a few are enough', async () => {
  const letters = fc.constantFrom('b-', ID, '-', '@', '<', ' id ', PATH, 'a.b', '\r\n');
  await fc.assert(
    fc.asyncProperty(fc.array(letters, { maxLength: 60 }), async (all) => {
      const { returnPaths, messageIds } = await clues('Subject: x', '', all.join(''));
      expect(Math.max(returnPaths.length, messageIds.length)).toBeLessThanOrEqual(8);
    }),
  );
  const many = Array.from({ length: 1000 }, (_, at) => `<${ID.slice(0, 20)}${String(at).padStart(6, '0')}@b.example>`);
  expect((await clues('Subject: x', '', ...many)).messageIds).toHaveLength(8);
});
