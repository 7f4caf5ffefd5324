/**
 * How what is published for a DKIM key differs from what should be, in the words of the usual mistakes. Pure.
 *
 * Two records are the same when they hold the same key: tags in another order, white space and flags make no
 * difference. Never throws, whatever a zone says.
 */
import { parseRecord } from '#lib/dkim/record.ts';
import { type Finding, keyIn, type PublishedKey } from './records.ts';

/** What the TXT records at a key's name say of it; `others` are further keys of the domain. */
export function keyDifference(
  key: PublishedKey,
  texts: readonly string[],
  others: readonly PublishedKey[] = [],
): Finding {
  const [text, ...more] = texts;
  if (text === undefined) return { state: 'Missing', difference: '' };
  const isThere = hasKey(key, texts);
  if (isThere && more.length === 0) return { state: 'Present', difference: remark(text) };
  if (isThere) return differs(`${texts.length} TXT records at this name: remove all but the expected one`);
  if (isSplit(key, texts)) return differs(`the record is split into ${texts.length}: ${ONE_RECORD}`);
  const said = describe(key, text, others);
  return differs(more.length === 0 ? said : `${texts.length} TXT records at this name; the first: ${said}`);
}

const ONE_RECORD = 'publish one TXT record that has them as its strings';

/** Whether any of the texts is a record of this very key. */
export function hasKey(key: PublishedKey, texts: readonly string[]): boolean {
  const wanted = keyIn(key.record);
  return wanted !== undefined && texts.some((text) => isSame(wanted, text));
}

const differs = (difference: string): Finding => ({ state: 'Differs', difference });

type Key = NonNullable<ReturnType<typeof keyIn>>;

function isSame(wanted: Key, text: string): boolean {
  const found = keyIn(text);
  return found?.base64 === wanted.base64 && found.keyType === wanted.keyType;
}

function remark(text: string): string {
  const parsed = parseRecord(text);
  const isTesting = parsed.kind === 'valid' && parsed.record.isTesting;
  return isTesting ? 't=y asks receivers to treat signed mail as unsigned: remove it when the test is over' : '';
}

const MOST_PIECES = 4;

/** Records have no order, so every one is tried. */
function isSplit({ record }: PublishedKey, texts: readonly string[]): boolean {
  if (texts.length < 2 || texts.length > MOST_PIECES) return false;
  const whole = record.replaceAll(/\s/g, '');
  return orders(texts.map((it) => it.replaceAll(/\s/g, ''))).includes(whole);
}

/** The pieces joined in every order. */
const orders = (pieces: readonly string[]): string[] =>
  pieces.length < 2
    ? [...pieces]
    : pieces.flatMap((it, at) => orders(pieces.toSpliced(at, 1)).map((rest) => it + rest));

/** Mistakes of writing a value down; each is undone on top of those before it. */
const SLIPS: readonly (readonly [string, (text: string) => string])[] = [
  ['quotes are published as part of the value', (text) => text.replaceAll(/"\s*"/g, '').replaceAll('"', '')],
  ['backslashes are published as part of the value', (text) => text.replaceAll('\\', '')],
  ['parentheses are published as part of the value', (text) => text.replaceAll(/[()]/g, '')],
  ['something stands before v=DKIM1', (text) => text.slice(Math.max(text.indexOf('v=DKIM1'), 0))],
];

function describe(key: PublishedKey, text: string, others: readonly PublishedKey[]): string {
  const wanted = keyIn(key.record);
  if (!wanted) return 'the key cannot be read';
  let undone = text;
  for (const [slip, undo] of SLIPS) {
    undone = undo(undone);
    if (isSame(wanted, undone)) return slip;
  }
  const found = keyIn(text);
  if (!found) return unreadable(text);
  if (found.base64 === '') return 'p= is empty, which revokes the key: publish it under this selector again';
  const owner = others.find((it) => hasKey(it, [text]));
  if (owner) return `the key published belongs to selector ${owner.selector}`;
  return found.keyType === wanted.keyType ? keysDiffer(wanted.base64, found.base64) : typesDiffer(wanted, found);
}

function unreadable(text: string): string {
  const parsed = parseRecord(text);
  return `it is no key record: it ${parsed.kind === 'invalid' ? parsed.problem : 'has no key'}`;
}

const typesDiffer = (wanted: Key, found: Key): string =>
  `k=${found.keyType} is published instead of k=${wanted.keyType}`;

/** Every RSA key of a size begins alike: what differs only after that is simply another key. */
function keysDiffer(wanted: string, found: string): string {
  const [there, whole] = [found.replaceAll('=', ''), wanted.replaceAll('=', '')];
  if (whole.startsWith(there)) return `p= is cut off after ${there.length} of ${wanted.length} characters`;
  if (there.toLowerCase() === whole.toLowerCase()) return 'p= has lost the case of its letters';
  let at = 0;
  while (whole[at] === there[at]) at += 1;
  const isOther = at < SAME_FOR_ALL && whole.length === there.length;
  return `p= differs at character ${at + 1}${isOther ? ': it is another key, perhaps an older one' : ''}`;
}

const SAME_FOR_ALL = 48;
