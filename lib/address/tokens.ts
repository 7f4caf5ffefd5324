/**
 * The words of structured header fields that hold addresses (RFC 5322 §3.2): lexical rules only.
 *
 * Promises: joining the tokens' texts gives back the value; one pass, no recursion, comments nested at most
 * `DEEPEST_COMMENT`; never throws. Refused: control characters, line ends that are not folding, anything unclosed,
 * backslashes outside of quotes, and comments that hold '@', '<', '>', '"' or '\': readers that do not know
 * comments find another address in them. Left to others: grammar (`mailbox-list.ts`).
 */

/** `gap`: white space, folding and comments. `special`: one of `< > @ , : ; .` */
export interface Token {
  readonly kind: 'atom' | 'quoted' | 'literal' | 'gap' | 'special';
  readonly text: string;
}

export type Tokens =
  | { readonly kind: 'tokens'; readonly tokens: readonly Token[] }
  | { readonly kind: 'problem'; readonly problem: string };

const DEEPEST_COMMENT = 8;
/** No header is longer (`readHeader`), and a token costs a hundred times its letter. */
const LONGEST_VALUE = 128 * 1024;
const SPECIALS = '<>@,:;.';
/** What ends an atom, beside the space and controls. */
const NOT_ATOM = `${SPECIALS}()"[]\\\t`;

/** Splits a field's value, folded or unfolded, into tokens. */
export function tokenize(value: string): Tokens {
  if (value.length > LONGEST_VALUE) return { kind: 'problem', problem: 'The field is longer than any header may be.' };
  const tokens: Token[] = [];
  for (let at = 0; at < value.length;) {
    const kind = kindAt(value, at);
    const end = ENDS[kind](value, at);
    if (end <= at) return { kind: 'problem', problem: PROBLEMS[kind] };
    tokens.push({ kind, text: value.slice(at, end) });
    at = end;
  }
  return { kind: 'tokens', tokens };
}

function kindAt(value: string, at: number): Token['kind'] {
  const first = value.charAt(at);
  if (first === '"') return 'quoted';
  if (first === '[') return 'literal';
  if (' \t\r\n('.includes(first)) return 'gap';
  return SPECIALS.includes(first) ? 'special' : 'atom';
}

const PROBLEMS: Readonly<Record<Token['kind'], string>> = {
  atom: 'The field holds a character that may not stand there.',
  quoted: 'The field holds a quoted string that is not closed or holds a control character.',
  literal: 'The field holds an address literal that is not closed.',
  gap: 'The field holds a broken line end, or a comment that is not closed, too deep or hides an address.',
  special: 'The field holds a character that may not stand there.',
};

const NOWHERE = -1;
/** Where the token that starts at `at` ends; `at` or `NOWHERE` when it is malformed. */
const ENDS: Readonly<Record<Token['kind'], (value: string, at: number) => number>> = {
  atom: endOfAtom,
  quoted: endOfQuoted,
  literal: endOfLiteral,
  gap: endOfGap,
  special: (_, at) => at + 1,
};

const isControl = (char: string): boolean => (char < ' ' && char !== '\t') || char === '\u007F';

function endOfAtom(value: string, at: number): number {
  let end = at;
  for (; end < value.length; end += 1) {
    const char = value.charAt(end);
    if (char === ' ' || isControl(char) || NOT_ATOM.includes(char)) break;
  }
  return end;
}

function endOfQuoted(value: string, at: number): number {
  let end = at + 1;
  while (end !== NOWHERE && end < value.length) {
    const char = value.charAt(end);
    if (char === '"') return end + 1;
    end = char === '\\' ? endOfEscape(value, end) : endOfChar(value, end);
  }
  return NOWHERE;
}

function endOfLiteral(value: string, at: number): number {
  for (let end = at + 1; end < value.length; end += 1) {
    const char = value.charAt(end);
    if (char === ']') return end + 1;
    if (char <= ' ' || isControl(char) || '[\\'.includes(char)) return NOWHERE;
  }
  return at;
}

function endOfGap(value: string, at: number): number {
  let end = at;
  while (end !== NOWHERE && end < value.length && ' \t\r('.includes(value.charAt(end)))
    end = value[end] === '(' ? endOfComment(value, end) : endOfChar(value, end);
  return end;
}

function endOfComment(value: string, at: number): number {
  let depth = 0;
  let end = at;
  while (end !== NOWHERE && end < value.length) {
    const char = value.charAt(end);
    if ('@<>"\\'.includes(char)) return NOWHERE;
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth > DEEPEST_COMMENT) return NOWHERE;
    end = endOfChar(value, end);
    if (depth === 0) return end;
  }
  return NOWHERE;
}

const endOfEscape = (value: string, at: number): number => (isControl(value.charAt(at + 1)) ? NOWHERE : at + 2);

/** After the character that stands there, or the CRLF and white space that fold a line. */
function endOfChar(value: string, at: number): number {
  if (value.startsWith('\r\n ', at) || value.startsWith('\r\n\t', at)) return at + 3;
  return isControl(value.charAt(at)) ? NOWHERE : at + 1;
}
