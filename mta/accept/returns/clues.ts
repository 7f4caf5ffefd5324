/**
 * What in mail that came back may say which message it is about: return paths and message ids, wherever they stand. Pure.
 *
 * Receivers hide and cut what they like, so no field is relied on: the text, the report and the header of the original are
 * searched alike, decoded. What is found is a guess until its seal or the ledger says otherwise. Bounded, and linear.
 */
import type { Mime } from '#lib/mail/parse.ts';
import type { Report } from '../../mail/report.ts';
import { ALPHABET, type MessageId } from '../../mail/message.ts';
import { readAddress } from './words.ts';

export type Clues = Pick<Report, 'returnPaths' | 'messageIds'>;

/** The form of a return path (`return-path.ts`). */
const RETURN_PATH = /\bb-[\da-z]{29}-[\da-z]{26}@[\da-z][\da-z.-]{0,252}/gi;
/** As our Received says it, and in a Message-ID of ours. */
const MESSAGE_ID = new RegExp(`(?:\\bid\\s{1,4}|<)([${ALPHABET}]{26})(?=[@;\\s])`, 'gi');

const LONGEST = 64 * 1024;
const MOST_FOUND = 200;
const MOST = 8;

export function readClues({ fields, text, parts }: Mime): Clues {
  const texts = [
    ...parts.map(({ content }) => content.toString('latin1', 0, LONGEST)),
    text.slice(0, LONGEST),
    fields.map(({ value }) => value).join('\n'),
  ];
  return {
    returnPaths: distinct(texts, RETURN_PATH, ([all]) => readAddress(all.replace(/[.-]+$/, ''))),
    messageIds: distinct(texts, MESSAGE_ID, ([, id]): MessageId | undefined => id?.toLowerCase()),
  };
}

/** The first few that are not the same. */
function distinct(
  texts: readonly string[],
  pattern: RegExp,
  read: (match: RegExpExecArray) => string | undefined,
): readonly string[] {
  const found = new Set<string>();
  let looked = 0;
  for (const text of texts)
    for (const match of text.matchAll(pattern)) {
      const one = read(match);
      if (one !== undefined) found.add(one);
      if (found.size === MOST || (looked += 1) === MOST_FOUND) return [...found];
    }
  return [...found];
}
