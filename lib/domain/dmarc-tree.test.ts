import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeDns, type Table } from '../../test/harness/fake-dns.ts';
import { parseDmarc } from './dmarc-record.ts';
import { namesFrom, organizationOf, recordFor, walkTree } from './dmarc-tree.ts';

const walk = async (domain: string, records: Readonly<Record<string, string>>) => {
  const table = Object.fromEntries(
    Object.entries(records).map(([name, text]) => [`_dmarc.${name} TXT`, [text]]),
  ) as Table;
  const walked = await walkTree(domain, new FakeDns(table));
  return walked.kind === 'walked' ? walked.steps : [];
};

test.each([
  ['its own', { 'a.example.com': 'v=DMARC1; p=none' }, 'a.example.com'],
  ["its organization's", { 'example.com': 'v=DMARC1; p=none' }, 'example.com'],
  ['the shortest', { 'a.example.com': 'v=DMARC1; p=none', 'example.com': 'v=DMARC1; p=none' }, 'example.com'],
  [
    'the one marked psd=n',
    { 'a.example.com': 'v=DMARC1; p=none; psd=n', 'example.com': 'v=DMARC1; p=none' },
    'a.example.com',
  ],
  ['the one below psd=y', { 'example.com': 'v=DMARC1; p=none; psd=y' }, 'a.example.com'],
  ['where nothing is published: itself', {}, 'b.a.example.com'],
])('the organization of a name is %s', async (_, records: Record<string, string>, want) => {
  expect(organizationOf(await walk('b.a.example.com', records))).toBe(want);
});

test('the own record comes before the one of the organization', async () => {
  const records = { 'a.example.com': 'v=DMARC1; p=reject', 'example.com': 'v=DMARC1; p=none' };
  expect(recordFor(await walk('a.example.com', records))).toMatchObject({
    name: 'a.example.com',
    record: { policy: 'reject' },
  });
  expect(recordFor(await walk('b.a.example.com', records))).toMatchObject({ name: 'example.com' });
});

test('a long name is asked for eight times at most', () => {
  const [first, second, ...others] = namesFrom('j.i.h.g.f.e.d.c.b.example.com');
  expect([first, second, others.at(-1)]).toEqual(['j.i.h.g.f.e.d.c.b.example.com', 'f.e.d.c.b.example.com', 'com']);
  expect(others).toHaveLength(6);
});

test('whatever a zone says, reading it does not throw', () => {
  const like = fc.string({ unit: fc.constantFrom('v=DMARC1', ';', 'p=', 'none', ' ', 'rua=mailto:', '!', ',', 't=y') });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        like,
        like.map((it) => `v=DMARC1;${it}`),
      ),
      (text) => {
        expect(['valid', 'invalid']).toContain(parseDmarc(text).kind);
      },
    ),
  );
});
