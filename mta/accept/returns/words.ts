/**
 * Addresses, status codes and replies in the words of strangers. Pure; every search is linear and in bounded text.
 */
import { parseAddress } from '#lib/address/address.ts';
import { type Reply, reply } from '../../mail/reply.ts';

/** `rfc822; <someone@example.com>` or less of it → the address in canonical form; undefined when there is none. */
export function readTypedAddress(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const [, type = 'rfc822', text = ''] = /^(?:([A-Za-z\d-]{1,40})[ \t]*;)?(.*)$/s.exec(value.slice(0, 1000)) ?? [];
  const plain = type.toLowerCase() === 'utf-8' ? unescaped(text) : text;
  return readAddress(plain);
}

/** Text with one address in it, bare or in angle brackets, with or without a comment. */
export function readAddress(text: string): string | undefined {
  const [, inBrackets] = /<([^<>]{3,400})>/.exec(text) ?? [];
  const bare = (inBrackets ?? text.replaceAll(/\([^()]*\)/g, '')).trim().replace(/^mailto:/i, '');
  const reading = parseAddress(bare, { utf8: true });
  return reading.kind === 'address' ? reading.address.text : undefined;
}

/** RFC 6533 §3: `\x{E4}` stands for a letter. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\x\{([\dA-Fa-f]{1,6})\}/g, (all, hex: string) => {
    const point = Number.parseInt(hex, 16);
    return point > 0x10_ff_ff ? all : String.fromCodePoint(point);
  });

/** An enhanced status (RFC 3463), not a part of an IP address or a version. */
const STATUS = /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)/;
/** The code of a reply, where it begins what was said. */
const CODE = /(?:^|[\s;:#<("'])([245]\d\d)(?=[\s\-#:]|$)/;

/** The first enhanced status in a text; `''` when there is none. */
export const statusIn = (text: string): string => STATUS.exec(text)?.[1] ?? '';

const isGeneral = (status: string): boolean => status === '' || status.endsWith('.0.0');

/**
 * The status to believe: the one given unless it is missing or says nothing (`5.0.0`) and what was said is more precise
 * and of the same class.
 */
export function bestStatus(given: string, said: string): string {
  const status = statusIn(given);
  const inside = statusIn(said);
  if (!isGeneral(status)) return status;
  const isSameClass = status === '' || inside.startsWith(status.charAt(0));
  if (inside !== '' && isSameClass) return inside;
  const code = CODE.exec(said)?.[1];
  return status === '' && code !== undefined ? `${code.charAt(0)}.0.0` : status;
}

const LONGEST_SAID = 900;

/** What was said as a reply: one that a host would have given with that status, when nothing was. */
export function replyOf(status: string, said: string): Reply {
  const text = said
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, LONGEST_SAID);
  const family = status.charAt(0) || '5';
  const found = CODE.exec(text);
  const isFitting = found?.[1]?.startsWith(family) === true;
  const code = isFitting ? Number(found?.[1]) : Number(`${family}50`);
  const rest = isFitting ? text.slice((found?.index ?? 0) + (found?.[0].length ?? 0)) : text;
  return reply(
    code,
    status,
    rest
      .replace(/^[\s\-#:]+/, '')
      .replace(status, '')
      .trim(),
  );
}
