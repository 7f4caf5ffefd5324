/**
 * Reads From, Sender, Reply-To, To and Cc values (RFC 5322 §3.4) and gives the addresses in them, in order.
 *
 * Promises: every address went through the strict parser; what two readers could read in two ways is a problem,
 * not a guess: an unquoted '@' in a display name, angle brackets in a quoted one, space or comments within an
 * address, source routes, empty elements, nested groups. Linear time, no recursion beyond one group, never throws.
 * Display names and encoded-words are passed over undecoded. Left to others: how many mailboxes a field may hold,
 * and who may write which.
 */
import { type Address, type AddressOptions, type AddressProblem, parseAddress } from './address.ts';
import { type Token, tokenize } from './tokens.ts';

export type MailboxListReading =
  | { readonly kind: 'addresses'; readonly addresses: readonly Address[] }
  | AddressProblem;

export interface MailboxListOptions extends AddressOptions {
  /** Accept groups (`Team: a@x, b@y;`), also empty ones. For To and Cc; in From (RFC 6854) few readers expect them. */
  readonly groups?: boolean;
}

/** Reads a field's value, folded or unfolded. Empty values are a problem. */
export function parseMailboxList(value: string, options: MailboxListOptions = {}): MailboxListReading {
  const scan = tokenize(value);
  if (scan.kind === 'problem') return scan;
  const reader = new Reader(scan.tokens, options);
  const wrong = reader.list('outside') ?? (reader.isAtEnd() ? undefined : 'The field holds a stray delimiter.');
  return wrong === undefined ? { kind: 'addresses', addresses: reader.addresses } : { kind: 'problem', problem: wrong };
}

const DELIMITERS = '<>,:;';
const isDelimiter = (token: Token): boolean => token.kind === 'special' && DELIMITERS.includes(token.text);
const isGap = (token: Token): boolean => token.kind === 'gap';
const textOf = (tokens: readonly Token[]): string => tokens.map((token) => token.text).join('');

/** Recursive descent over the tokens; each step gives a problem's sentence or nothing. */
class Reader {
  readonly addresses: Address[] = [];
  readonly #tokens: readonly Token[];
  readonly #options: MailboxListOptions;
  #at = 0;

  constructor(tokens: readonly Token[], options: MailboxListOptions) {
    this.#tokens = tokens;
    this.#options = options;
  }

  isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  list(where: 'outside' | 'group'): string | undefined {
    do {
      const wrong = this.#element(where);
      if (wrong !== undefined) return wrong;
    } while (this.#take(','));
    return undefined;
  }

  #element(where: 'outside' | 'group'): string | undefined {
    const words = this.#untilDelimiter();
    if (this.#take('<')) return this.#angle(words);
    if (this.#take(':')) return where === 'group' ? 'The field holds a group within a group.' : this.#group(words);
    return this.#add(trimmed(words));
  }

  #angle(name: readonly Token[]): string | undefined {
    const wrong = displayNameProblem(name) ?? this.#add(this.#untilDelimiter());
    if (wrong !== undefined) return wrong;
    if (!this.#take('>')) return 'The field holds an address in angle brackets that is not closed.';
    return this.#nothingMore();
  }

  #group(name: readonly Token[]): string | undefined {
    if (this.#options.groups !== true) return 'The field holds a group or a stray colon.';
    if (name.every(isGap)) return 'The field holds a group without a name.';
    const wrong = displayNameProblem(name) ?? this.#members();
    if (wrong !== undefined) return wrong;
    if (!this.#take(';')) return 'The field holds a group that is not closed.';
    return this.#nothingMore();
  }

  #members(): string | undefined {
    const start = this.#at;
    if (this.#untilDelimiter().every(isGap) && this.#tokens[this.#at]?.text === ';') return undefined;
    this.#at = start;
    return this.list('group');
  }

  #nothingMore(): string | undefined {
    return this.#untilDelimiter().every(isGap) ? undefined : 'The field holds text after an address.';
  }

  #add(tokens: readonly Token[]): string | undefined {
    if (tokens.length === 0) return 'The field holds no address where one is expected.';
    if (tokens.some(isGap)) return 'The field holds space or a comment within an address.';
    const reading = parseAddress(textOf(tokens), this.#options);
    if (reading.kind === 'problem') return reading.problem;
    this.addresses.push(reading.address);
    return undefined;
  }

  #untilDelimiter(): readonly Token[] {
    const start = this.#at;
    for (let token = this.#tokens[this.#at]; token && !isDelimiter(token); token = this.#tokens[this.#at])
      this.#at += 1;
    return this.#tokens.slice(start, this.#at);
  }

  /** Only called where the scan has stopped at a delimiter, so a quoted string cannot be mistaken for one. */
  #take(delimiter: string): boolean {
    if (this.#tokens[this.#at]?.text !== delimiter) return false;
    this.#at += 1;
    return true;
  }
}

/** Without the gaps at both ends. */
function trimmed(tokens: readonly Token[]): readonly Token[] {
  const first = tokens.findIndex((token) => !isGap(token));
  const last = tokens.findLastIndex((token) => !isGap(token));
  return first === -1 ? [] : tokens.slice(first, last + 1);
}

/** Dots are obsolete there (`John Q. Public`) but everywhere, and have one reading. */
function displayNameProblem(tokens: readonly Token[]): string | undefined {
  if (tokens.some((token) => token.text === '@' || token.kind === 'literal'))
    return "The field holds a display name with an unquoted '@' or bracket.";
  if (tokens.some((token) => token.kind === 'quoted' && /[<>]/.test(token.text)))
    return 'The field holds a display name with angle brackets in it.';
  return undefined;
}
