/**
 * Domains in other letters: one A-label however they are written, or a refusal; nothing is mapped in silence.
 */
import { describe, expect, test } from 'vitest';
import { parseAddress } from './address.ts';

const domainOf = (domain: string): string | undefined => {
  const reading = parseAddress(`joe@${domain}`, { utf8: true });
  return reading.kind === 'address' ? reading.address.domain : undefined;
};

describe('B08 a domain', () => {
  test.each([
    ['München', ['münchen.example', 'MÜNCHEN.example', 'xn--mnchen-3ya.example', 'XN--MNCHEN-3YA.EXAMPLE']],
    ['in Cyrillic', ['пример.example', 'ПРИМЕР.example', 'xn--e1afmkfd.example']],
    ['in two scripts, one a label', ['münchen.пример.example', 'xn--mnchen-3ya.xn--e1afmkfd.example']],
    // Which letters a registry lets stand together is the registry's; to us it is the name with that A-label.
    ['in two scripts in one label', ['аpple.example', 'xn--pple-43d.example']],
  ])('%s is one, however it is written', (_, forms) => {
    const domains = new Set(forms.map(domainOf));
    expect(domains.size).toBe(1);
    expect([...domains][0]).toMatch(/^[a-z0-9.-]+$/);
  });

  test.each([
    ['a wide @', 'example.com\uFF20evil.example'],
    ['wide letters', '\uFF45xample.com'],
    ['a wide dot', 'example\uFF0Ecom'],
    ['an ideographic dot', 'example\u3002com'],
    ['a decomposed letter', 'mu\u0308nchen.example'],
    ['a letter that is two', 'e\uFB03ce.example'],
    ['a sign for a letter', '\u212Aelvin.example'],
    ['a soft hyphen', 'exam\u00ADple.com'],
    ['a zero-width space', 'exam\u200Bple.com'],
    ['a zero-width joiner', 'exam\u200Dple.com'],
    ['a byte order mark', '\uFEFFexample.com'],
    ['text turned around', 'exam\u202Eelp.com'],
    ['both directions in a label', 'a\u05D0.example'],
    ['an A-label of ASCII alone', 'xn--example-.com'],
    ['an A-label of nothing', 'xn--.example'],
    ['an A-label of an A-label', 'xn--xn---epa.example'],
    ['an A-label that is none', 'xn--zzzzzzzzzz999.example'],
    ['digits of another script', '\u0661.\u0662.\u0663.\u0664'],
    ['a lone surrogate', 'a\uD800.example'],
  ])('with %s is refused', (_, domain) => expect(domainOf(domain)).toBeUndefined());
});
