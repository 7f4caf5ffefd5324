/**
 * Our reading of an address against that of another parser: what we accept must mean the same to both.
 */
import fc from 'fast-check';
import addressparser from 'nodemailer/lib/addressparser';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '#lib/address/address.ts';
import { addresses } from './harness/addresses.ts';
import { contentOf, meaningOf } from './harness/meaning.ts';
import { runs } from './harness/runs.ts';

/** What nodemailer finds; one mailbox, or everything as text. */
function theirs(text: string): string {
  const found = addressparser(text, { flatten: true }) as readonly { readonly address: string }[];
  return found.length === 1 ? meaningOf(found[0]?.address ?? '') : JSON.stringify(found);
}

/** Ours, where we accept it. */
function ours(text: string): { readonly text: string; readonly meaning: string } | undefined {
  const reading = parseAddress(text, { utf8: true });
  if (reading.kind === 'problem') return undefined;
  const { local, domain } = reading.address;
  return { text: reading.address.text, meaning: JSON.stringify([contentOf(local), domain]) };
}

describe('B02 what we accept means the same to nodemailer', () => {
  const corpus = addresses();
  const accepted = corpus.flatMap((text) => ours(text) ?? []);

  test('of a corpus of thousands, of which hundreds are accepted', () => {
    expect(corpus.length).toBeGreaterThan(3000);
    expect(accepted.length).toBeGreaterThan(500);
    expect(corpus.length - accepted.length).toBeGreaterThan(1500);
  });

  test('alone, in angle brackets, and after a name', () => {
    const wrong = accepted.flatMap(({ text, meaning }) =>
      [text, `<${text}>`, `Joe Bloggs <${text}>`].filter((it) => theirs(it) !== meaning),
    );
    expect(wrong).toEqual([]);
  });

  test('in a list: as many as there are, in their order', () => {
    const list = accepted.slice(0, 500);
    const found = addressparser(list.map((it) => `<${it.text}>`).join(', ')) as readonly { readonly address: string }[];
    expect(found.map((it) => meaningOf(it.address))).toEqual(list.map((it) => it.meaning));
  });

  test('whatever is made of the same characters', () => {
    const part = fc.constantFrom(
      ...Array.from('@.<>()[]"\\%!,;: +ü-_='),
      'a',
      'b.example',
      '@c.example',
      'example.com',
    );
    let agreed = 0;
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
        const reading = ours(parts.join(''));
        if (!reading) return;
        agreed += 1;
        expect(theirs(reading.text)).toBe(reading.meaning);
      }),
      { numRuns: runs(3000), examples: [[['a', '@c.example']]] },
    );
    expect(agreed).toBeGreaterThan(0);
  });
});
