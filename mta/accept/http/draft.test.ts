import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonSchemaOf } from '#crds/schema.ts';
import { parseMailboxList } from '#lib/address/mailbox-list.ts';
import { composeMail } from '#lib/mail/mail.ts';
import { anyText } from '../../../test/harness/any-text.ts';
import { fieldsNamed, fieldValue, readHeader } from '../../mail/header.ts';
import { type Draft, readDraft } from './draft.ts';
import type { FieldError } from '#crds/field-error.ts';
import { messageSchema } from './schema.ts';

const FULL = {
  from: { address: 'a@example.com', name: 'Ann' },
  to: [{ address: 'b@dest.test', name: 'Bea' }],
  cc: [{ address: 'c@dest.test', name: 'Cy' }],
  bcc: [{ address: 'd@dest.test', name: 'Di' }],
  replyTo: [{ address: 'e@dest.test', name: 'Ed' }],
  subject: 'hello',
  text: 'body',
  html: '<p>body</p>',
  headers: { 'X-Ours': 'value' },
  attachments: [{ filename: 'a.png', contentType: 'image/png', content: 'aGVsbG8K', contentId: 'pic' }],
  tags: ['tag'],
  metadata: { key: 'value' },
  sendAt: '2026-01-01T00:00:00Z',
  expireAfter: 3600,
};
const SMALL = { from: { address: 'a@example.com' }, to: [{ address: 'b@dest.test' }], text: 'body' };

/** As it comes out of JSON, where nothing is undefined. */
const read = (value: unknown) => readDraft(JSON.parse(JSON.stringify(value ?? null)), 1000);

function draftOf(value: unknown): Draft {
  const reading = read(value);
  if (reading.kind === 'invalid') throw new Error(JSON.stringify(reading.errors));
  return reading.draft;
}

function errorsOf(value: unknown): readonly FieldError[] {
  const reading = read(value);
  return reading.kind === 'invalid' ? reading.errors : [];
}

const pointersOf = (value: unknown): string[] => errorsOf(value).map((it) => it.pointer);

test('a draft has every recipient once, in canonical form, and a header without bcc', async () => {
  const draft = draftOf({ ...FULL, bcc: [...FULL.bcc, { address: 'b@DEST.test' }] });
  expect(draft.sender).toBe('a@example.com');
  expect(draft.recipients).toEqual(['b@dest.test', 'c@dest.test', 'd@dest.test']);
  expect((await composeMail(draft.mail)).toString()).not.toContain('d@dest.test');
});

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
}

/** Paths of every text in the schema; `*` is an entry, `key` the name of one. */
function textsOf(schema: JsonSchema, path: readonly string[] = []): string[][] {
  if (schema.type === 'string') return [[...path]];
  const entries = schema.additionalProperties;
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => textsOf(inner, [...path, name])),
    ...(schema.items ? textsOf(schema.items, [...path, '0']) : []),
    ...(typeof entries === 'object' ? [[...path, 'key'], ...textsOf(entries, [...path, '*'])] : []),
  ];
}

/** The whole message with one text replaced, and the pointer of that text. */
function replaced([step = '', ...rest]: readonly string[], within: unknown, value: string): [unknown, string] {
  if (step === '') return [value, ''];
  const entries = Object.entries(within as object);
  const [first = '', old] = entries[0] ?? [];
  if (step === 'key') return [{ [first + value]: old }, `/${first + value}`.replaceAll(/(?<=.)\//g, '~1')];
  const name = step === '*' ? first : step;
  const [inner, pointer] = replaced(rest, (within as Record<string, unknown>)[name], value);
  const changed = Array.isArray(within) ? [inner] : { ...(within as object), [name]: inner };
  return [changed, `/${name}${pointer}`];
}

const INJECTIONS = [
  'x\r',
  'x\n',
  'x\r\nBcc: evil@bank.example',
  'x\r\n\r\nbody',
  'x\0',
  'x\u0085Bcc: y',
  'x\u2028Bcc: y',
  'x%0d%0aBcc: y',
  'x%0ABcc: y',
  'x\r\n folded',
  '=?utf-8?q?x=0D=0ABcc:_y?=',
  '=?UTF-8?B?eA0KQmNjOiB5?=',
  'x\t\u007f',
  'x\ud800',
];

describe('B01 a text that could end a line of the header is refused, naming its pointer', () => {
  const all = textsOf(jsonSchemaOf(messageSchema));
  const bodies = [['text'], ['html']];
  const isBody = (path: readonly string[]): boolean => bodies.some((it) => it.join('/') === path.join('/'));
  const table = all.filter((it) => !isBody(it)).map((path) => [`/${path.join('/')}`, path] as const);

  test('every text of the schema is looked at', () => {
    expect(all.length).toBe(table.length + bodies.length);
    expect(table.length).toBeGreaterThan(15);
  });

  test.each(table)('%s', (_, path) => {
    for (const injection of INJECTIONS) {
      const [value, pointer] = replaced(path, FULL, injection);
      expect([JSON.stringify(injection), pointersOf(value)]).toEqual([JSON.stringify(injection), [pointer]]);
    }
  });

  test.each(bodies)('in %s it stays in the body', async (name) => {
    for (const injection of INJECTIONS.filter((it) => !/[\0\ud800]/.test(it))) {
      const raw = await composeMail(draftOf({ ...SMALL, text: undefined, [name]: `\r\n${injection}` }).mail);
      const [head = ''] = raw.toString().split('\r\n\r\n');
      expect(head).not.toMatch(/evil|^Bcc/im);
    }
  });
});

describe('a request is refused', () => {
  test.each<[string, object, string, string]>([
    ['without an author', { from: undefined }, '/from', 'is missing'],
    ['without a recipient', { to: [] }, '/to', 'must name a recipient'],
    ['without content', { text: undefined }, '/text', 'send text, html or both'],
    ['with a field nobody knows', { txt: 'x' }, '/txt', 'did you mean text?'],
    ['with an address that is none', { to: [{ address: 'b' }] }, '/to/0/address', "no '@'"],
    ['with two addresses in one', { cc: [{ address: 'a@b.test, c@d.test' }] }, '/cc/0/address', 'more than one'],
    ['with a name in an address', { from: { address: 'A <a@example.com>' } }, '/from/address', ''],
    ['with a wide @', { to: [{ address: 'a\uff20dest.test' }] }, '/to/0/address', ''],
    ['with a header of ours', { headers: { 'dkim-signature': 'x' } }, '/headers/dkim-signature', 'may not be set'],
    ['with a header twice', { headers: { 'X-A': 'x', 'x-a': 'y' } }, '/headers/x-a', 'twice'],
    ['with bytes that are no base64', file({ content: 'a-_b' }), '/attachments/0/content', 'base64'],
    ['with bytes that are not padded', file({ content: 'YQ' }), '/attachments/0/content', 'base64'],
    ['B05 with a file by its path', file({ path: '/etc/passwd' }), '/attachments/0/path', 'not a known field'],
    ['B05 with a file by its URL', file({ href: 'http://x.test/' }), '/attachments/0/href', 'not a known field'],
    ['B05 with text from a file', { text: { path: '/etc/passwd' } }, '/text', 'must be text'],
    ['B05 with HTML from a URL', { html: { href: 'file:///etc/passwd' } }, '/html', 'must be text'],
    [
      'B05 with bytes that are a data: URL',
      file({ content: 'data:text/plain;base64,YQ==' }),
      '/attachments/0/content',
      'base64',
    ],
    ['B05 with a message as it is', { raw: 'From: x' }, '/raw', 'not a known field'],
    ['with a part that has parts', file({ contentType: 'multipart/mixed' }), '/attachments/0/contentType', 'multipart'],
    ['with a picture that nothing shows', file({ contentId: 'x' }), '/attachments/0/contentId', 'needs html'],
    ['B09 with half a character', { subject: 'x\ud800' }, '/subject', 'must be one line'],
    ['with a text that is a list', { subject: ['x'] }, '/subject', 'must be text'],
    ['with more recipients than a message has', { bcc: boxes(1000) }, '', '1000'],
    ['with a list too long', { bcc: boxes(4001) }, '/bcc', 'at most 4000'],
  ])('%s', (_, over, pointer, says) => {
    const errors = errorsOf({ ...SMALL, ...over });
    expect(errors[0]?.pointer).toBe(pointer);
    expect(errors[0]?.detail).toContain(says);
  });

  const reserved =
    'From Sender To Cc Bcc Reply-To Subject Date Message-ID Received Return-Path DKIM-Signature MIME-Version Content-Type ' +
    'X-Postfleet-Tags Content-Transfer-Encoding Resent-From ARC-Seal Received-SPF Authentication-Results';
  test.each(reserved.split(' '))('with the header %s, in any case', (name) => {
    expect(pointersOf({ ...SMALL, headers: { [name]: 'x' } })).toEqual([`/headers/${name}`]);
    expect(pointersOf({ ...SMALL, headers: { [name.toLowerCase()]: 'x' } })).toEqual([
      `/headers/${name.toLowerCase()}`,
    ]);
  });

  test.each([null, 1, 'x', [], [[[[]]]]])('when it is no message at all: %j', (value) => {
    expect(errorsOf(value)).not.toEqual([]);
  });

  test('with a hundred errors at most, and never with a value of it', () => {
    const errors = errorsOf({ ...SMALL, to: Array.from({ length: 900 }, () => ({ address: 'hunter2' })) });
    expect(errors).toHaveLength(100);
    expect(JSON.stringify(errors)).not.toContain('hunter2');
  });
});

function file(over: object): object {
  return { attachments: [{ filename: 'a', contentType: 'text/plain', content: 'YQ==', ...over }] };
}

function boxes(count: number): object[] {
  return Array.from({ length: count }, (_, at) => ({ address: `r${at}@dest.test` }));
}

test('B02 what is composed names exactly the mailboxes of the request, whatever they are called', async () => {
  const name = anyText({ maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(name, name, fc.emailAddress(), async (one, other, address) => {
      const to = [{ address, name: other }, { address: 'z@dest.test' }];
      const reading = readDraft({ ...SMALL, from: { address: 'a@example.com', name: one }, to }, 2);
      fc.pre(reading.kind === 'draft');
      const { mail } = reading.draft;
      const header = readHeader(await composeMail(mail));
      if (header.kind !== 'header') throw new Error(header.problem);
      const [field] = fieldsNamed(header.header, 'to');
      if (!field) throw new Error('no To');
      const list = parseMailboxList(fieldValue(header.header, field));
      expect(list).toMatchObject({ addresses: mail.to.map((it) => ({ text: it.address })) });
    }),
  );
});
