/**
 * Patterns over one line of text: words, `*` for any run of characters, `|` between alternatives. Linear by construction.
 *
 * `too many * connections | slow down` matches a text that holds one of the alternatives anywhere. Case and runs of
 * white space make no difference. An end of a piece that is a letter or a digit must be the end of a word, unless a `*`
 * touches it: `full` is not found in `fully`, `rp-00*` is found in `RP-001`. Each piece is looked for once, from where
 * the one before it ended, and nothing is tried again: the first place is as good as any later one, because a gap may
 * be of any length. So time grows with the text and never faster.
 *
 * Left to others: cutting texts to a length, what a match means.
 */

export interface Pattern {
  readonly alternatives: readonly Alternative[];
}

interface Alternative {
  /** A whole word without which it cannot fit; '' when it has none. Most alternatives are ruled out by it alone. */
  readonly key: string;
  readonly pieces: readonly Piece[];
}

/** Text as patterns see it. */
export interface FoldedText {
  /** In lower case, one space for each run of white space. */
  readonly line: string;
  readonly words: ReadonlySet<string>;
}

interface Piece {
  readonly text: string;
  /** Must begin, must end, where no letter or digit touches it. */
  readonly beginsWord: boolean;
  readonly endsWord: boolean;
}

/** What every pattern looks like: no alternative without two characters in a row, nothing of a regular expression. */
export const PATTERN_FORM = /^[^|^\\]*[^|*^\\\s]{2,}[^|^\\]*(\|[^|^\\]*[^|*^\\\s]{2,}[^|^\\]*){0,31}$/;

/** Of text that fits `PATTERN_FORM`. */
export function compilePattern(source: string): Pattern {
  return {
    alternatives: folded(source)
      .split('|')
      .map((it) => alternativeOf(piecesOf(it.trim()))),
  };
}

export const matches = ({ alternatives }: Pattern, { line, words }: FoldedText): boolean =>
  alternatives.some(({ key, pieces }) => (key === '' || words.has(key)) && holdsInOrder(pieces, line));

export function foldText(text: string): FoldedText {
  const line = folded(text);
  return { line, words: new Set(line.split(BETWEEN_WORDS)) };
}

const folded = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, ' ');

/** What `isWordAt` is not true of. */
const BETWEEN_WORDS = /[^a-z0-9\u0080-\uffff]+/;

/** The longest of the words that are whole in every text that fits. */
function alternativeOf(pieces: readonly Piece[]): Alternative {
  const words = pieces.flatMap(({ text, beginsWord, endsWord }) => {
    const parts = text.split(BETWEEN_WORDS);
    const isWhole = (at: number): boolean =>
      (at > 0 || beginsWord || !isWordAt(text, 0)) &&
      (at < parts.length - 1 || endsWord || !isWordAt(text, text.length - 1));
    return parts.filter((_, at) => isWhole(at));
  });
  return { key: words.reduce((longest, it) => (it.length > longest.length ? it : longest), ''), pieces };
}

function piecesOf(alternative: string): Piece[] {
  const parts = alternative.split('*');
  return parts.flatMap((part, at) => {
    const text = part.trim();
    if (text === '') return [];
    const isTouchedBefore = at > 0 && part.startsWith(text);
    const isTouchedAfter = at < parts.length - 1 && part.endsWith(text);
    return [
      {
        text,
        beginsWord: !isTouchedBefore && isWordAt(text, 0),
        endsWord: !isTouchedAfter && isWordAt(text, text.length - 1),
      },
    ];
  });
}

function holdsInOrder(pieces: readonly Piece[], line: string): boolean {
  let from = 0;
  for (const piece of pieces) {
    from = endOf(piece, line, from);
    if (from === -1) return false;
  }
  return true;
}

/** Where the first place of a piece at or after `from` ends; -1 when there is none. */
function endOf({ text, beginsWord, endsWord }: Piece, line: string, from: number): number {
  for (let at = line.indexOf(text, from); at !== -1; at = line.indexOf(text, at + 1)) {
    const end = at + text.length;
    if (!(beginsWord && isWordAt(line, at - 1)) && !(endsWord && isWordAt(line, end))) return end;
  }
  return -1;
}

/** A letter or a digit; everything beyond ASCII counts as a letter. */
function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code >= 0x80;
}
