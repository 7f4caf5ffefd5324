/**
 * Reads a bounce that was written for people: qmail, older Exim, sendmail and Exchange, and whoever writes as they do.
 * Pure, and only ever a guess: addresses that stand where such programs put them, and the status in the words after each.
 *
 * What follows the line that announces the original is not looked at for failures, only for its Message-ID.
 */
import type { ReportedRecipient } from '../../mail/report.ts';
import { bestStatus, readAddress, replyOf } from './words.ts';

/** Programs that return mail announce the original so. */
const ORIGINAL_BELOW = [
  /^-{2,} ?Below this line is a copy of the message/i,
  /^-{3,} ?This is a copy of (?:the|your) message/i,
  /^-{3,} ?(?:Original|Returned|Undelivered) message/i,
  /^ *-{3,} *Original message follows/i,
  /^-{3,} ?The header of the original message is following/i,
  /^-{3,} ?(?:Message header follows|Header of the original message)/i,
  /^(?:Original|Received) message headers?:/i,
  /^Received: from /,
];

/** An address alone on its line, or followed by a colon: `<a@b.example>:`, `    a@b.example`, `To: a@b.example`. */
const ALONE =
  /^[\s>*]{0,12}(?:(?:to|recipient|failed recipient|address)\s{0,4}:\s{0,8})?<?([^\s<>:;,"']{1,64}@[\w.-]{1,190}\.[\w-]{1,63})>?\s{0,4}:?(?:\s{0,4}\(.{0,200})?\s*$/i;
const QUOTED_COMMAND = /\bRCPT TO:\s?<([^<>\s]{3,254})>/i;

const MOST_LINES = 400;
const LONGEST_LINE = 1000;
const MOST_RECIPIENTS = 20;
/** Lines after an address that say what became of it. */
const REASON_LINES = 12;

/** Those who failed, by the text; `named`: addresses that a header names (X-Failed-Recipients). */
export function readInWords(text: string, named: readonly string[]): readonly ReportedRecipient[] {
  const lines = linesOf(text);
  const places = placesIn(lines);
  for (const address of named) if (!places.has(address)) places.set(address, firstReason(lines, address));
  return [...places].slice(0, MOST_RECIPIENTS).map(([address, from]) => {
    const next = [...places.values()].filter((it) => it > from);
    const said = reasonIn(lines.slice(from, Math.min(from + REASON_LINES, ...next)));
    const status = bestStatus('', said);
    return { address, action: status.startsWith('4') ? 'delayed' : 'failed', status, said: replyOf(status, said) };
  });
}

/** Message-ID in the copy of the original, wherever it begins. */
export function originalIdIn(text: string): string | undefined {
  const [, id] = /^[> \t]{0,8}Message-ID:\s{0,4}<([^<>\s]{3,250})>/im.exec(text.slice(0, 128 * 1024)) ?? [];
  return id;
}

function linesOf(text: string): readonly string[] {
  const lines = text.slice(0, MOST_LINES * LONGEST_LINE).split(/\r\n|\n|\r/, MOST_LINES);
  const end = lines.findIndex((line) => ORIGINAL_BELOW.some((it) => it.test(line.slice(0, LONGEST_LINE))));
  return (end < 0 ? lines : lines.slice(0, end)).map((line) => line.slice(0, LONGEST_LINE));
}

/** Where each address is first said to have failed. */
function placesIn(lines: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const [at, line] of lines.entries()) {
    const found = readAddress((ALONE.exec(line) ?? QUOTED_COMMAND.exec(line))?.[1] ?? '');
    if (found !== undefined && !places.has(found)) places.set(found, at);
  }
  return places;
}

/** Where a header names an address that the text does not put on a line of its own. */
function firstReason(lines: readonly string[], address: string): number {
  const at = lines.findIndex((line) => line.toLowerCase().includes(address.toLowerCase()));
  return Math.max(at, 0);
}

/** The words with a code in them, or all of them. */
function reasonIn(lines: readonly string[]): string {
  const words = lines.map((it) => it.trim()).filter((it) => it !== '');
  const coded = words.findIndex((it) =>
    /(?:^|[\s#:(])[45]\d\d[ -]|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)/.test(it),
  );
  return words.slice(Math.max(coded, 0), Math.max(coded, 0) + 3).join(' ');
}
