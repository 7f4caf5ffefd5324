import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut } from './cuts.ts';
import { type DataLimits, DataReader, type DataResult } from './data.ts';
import { ReceivingMemory } from '../memory.ts';
import { runs } from '../../../test/harness/runs.ts';

const limits: DataLimits = { messageBytes: 4000, headerBytes: 400, headerFields: 5 };

/** What the reader makes of `bytes` cut at `cuts`, and how much of them it used. */
function read(
  bytes: Buffer,
  cuts: readonly number[] = [],
  memory = new ReceivingMemory(() => 1_000_000),
  within: DataLimits = limits,
) {
  const reader = new DataReader(
    within,
    memory.hold(() => ['a']),
  );
  let used = 0;
  for (const chunk of cut(bytes, cuts)) {
    used += reader.read(chunk, 0);
    if (reader.result()) break;
  }
  return { result: reader.result(), used };
}

const outcome = (result: DataResult | undefined): string =>
  result === undefined ? 'unfinished' : result.kind === 'message' ? result.raw.toString('latin1') : result.problem;

/** All but the end of data. */
const KEPT = 'as sent';

describe('a message', () => {
  it.each([
    ['ends at CRLF.CRLF', 'A: b\r\n\r\nhi\r\n.\r\n', 'A: b\r\n\r\nhi\r\n'],
    ['loses its transparency dots', 'A: b\r\n\r\n..\r\n...x\r\n.y\r\n.\r\n', 'A: b\r\n\r\n.\r\n..x\r\ny\r\n'],
    ['may be empty', '.\r\n', ''],
    ['keeps bytes above 127', 'A: \xe4\r\n.\r\n', 'A: \xe4\r\n'],
    ['is unfinished without the last LF', 'A: b\r\n.\r', 'unfinished'],
    ['may have a line of 998 octets after its dot', `\r\n.${'.'.repeat(998)}\r\n.\r\n`, `\r\n${'.'.repeat(998)}\r\n`],
    ['may not have one of 999', `\r\n${'x'.repeat(999)}\r\n.\r\n`, 'long-line'],
    ['holds no bare LF', 'a\nb\r\n.\r\n', 'bare-newline'],
    ['holds no bare CR', 'a\rb\r\n.\r\n', 'bare-newline'],
    ['holds no CR CR LF', 'a\r\r\n.\r\n', 'bare-newline'],
    ['holds no NUL', 'a\0b\r\n.\r\n', 'nul'],
    ['tells a bare newline before anything else', `\0\n${'x\r\n'.repeat(5000)}.\r\n`, 'bare-newline'],
    [
      'may fill the size limit',
      `\r\n${'x'.repeat(98)}\r\n`.repeat(1) + `${'y'.repeat(98)}\r\n`.repeat(38) + `${'z'.repeat(96)}\r\n.\r\n`,
      KEPT,
    ],
    ['may not be larger', `\r\n${`${'y'.repeat(98)}\r\n`.repeat(40)}.\r\n`, 'too-large'],
    ['may have as many fields as allowed', 'A: b\r\n c\r\n'.repeat(5) + '\r\nx\r\n'.repeat(9) + '.\r\n', KEPT],
    ['may not have one more', 'A: b\r\n'.repeat(6) + '.\r\n', 'large-header'],
    ['may not have a larger header', `A: ${'b'.repeat(394)}\r\n\r\n.\r\n`, 'large-header'],
    ['may have fields folded with tabs', 'A: b\r\n\tc\r\n'.repeat(5) + '\r\nx\r\n.\r\n', KEPT],
    ['may be a header alone, of just the limit', `A: ${'b'.repeat(395)}\r\n.\r\n`, KEPT],
    ['may not be a larger header alone', `A: ${'b'.repeat(396)}\r\n.\r\n`, 'large-header'],
    [
      'tells that it is too large before that a line is too long',
      `\r\n${'x'.repeat(999)}\r\n${`${'y'.repeat(98)}\r\n`.repeat(30)}.\r\n`,
      'too-large',
    ],
    [
      'is not too large at the limit, whatever else it is',
      `\r\n${'x'.repeat(999)}\r\n${`${'y'.repeat(98)}\r\n`.repeat(29)}${'z'.repeat(95)}\r\n.\r\n`,
      'long-line',
    ],
    ['may have a header of just the limit', `A: ${'b'.repeat(393)}\r\n\r\n.\r\n`, KEPT],
  ])('%s', (_, text, expected) => {
    const seen = outcome(read(Buffer.from(text, 'latin1')).result);
    expect(seen).toBe(expected === KEPT ? text.slice(0, -3) : expected);
  });

  it('leaves what comes after its end', () => {
    expect(read(Buffer.from('x\r\n.\r\nMAIL FROM:<>\r\n')).used).toBe(6);
  });

  it.each([
    [`${'x'.repeat(998)}\r`, undefined],
    ['x'.repeat(999), undefined],
    ['x'.repeat(1000), 'long-line'],
    ['y\r\n' + 'x'.repeat(1000), 'long-line'],
  ])('has too long a line before that ends: %#', (text, problem) => {
    const wide: DataLimits = { ...limits, headerBytes: 4000 };
    for (const places of [[], [1], [500], [text.length - 1]]) {
      const memory = new ReceivingMemory(() => 1_000_000);
      const reader = new DataReader(
        wide,
        memory.hold(() => ['a']),
      );
      for (const chunk of cut(Buffer.from(text), places)) reader.read(chunk, 0);
      expect(reader.problem).toBe(problem);
    }
  });

  it('takes the memory it needs at first, then more than that at a time, and never more than it may have', () => {
    const memory = new ReceivingMemory(() => 10_000_000);
    const reader = new DataReader(
      { ...limits, messageBytes: 70_000 },
      memory.hold(() => ['a']),
    );
    const line = `${'x'.repeat(98)}\r\n`;
    const taken = [`\r\n${line.slice(2)}`, line, line.repeat(163), line.repeat(400), line.repeat(100)].map((text) => {
      reader.read(Buffer.from(text), 0);
      return memory.used;
    });
    expect(taken).toEqual([100, 16_384, 32_768, 65_536, 70_000]);
    expect(reader.problem).toBeUndefined();
  });

  it('is refused when memory runs out, and gives its memory back', () => {
    const memory = new ReceivingMemory(() => 100);
    expect(outcome(read(Buffer.from(`\r\n${'x'.repeat(200)}\r\n.\r\n`), [50], memory).result)).toBe('no-room');
    expect(memory.used).toBe(0);
  });
});

const awkward = fc.array(
  fc.constantFrom('\r\n', '.', '\r', '\n', '\0', 'a', ' b: ', '\r\n.', '\xff\t', 'x'.repeat(500)),
  { maxLength: 40 },
);

describe('of a message that is only taken back', () => {
  const front = { ...limits, frontBytes: 10 };
  const memory = new ReceivingMemory(() => 1_000_000);
  const taken = (text: string, cuts: readonly number[] = []) => read(Buffer.from(text, 'latin1'), cuts, memory, front);

  it.each([
    ['the front is kept', '0123456789abc\r\n.\r\n', '0123456789'],
    ['what is shorter is whole', 'a\r\n.\r\n', 'a\r\n'],
    ['bare line ends and NUL stay as they are', 'a\nb\rc\0\r\n.\r\n', 'a\nb\rc\0\r\n'],
    ['no limit of lines, header or size refuses it', `${'A: b\r\n'.repeat(1000)}.\r\n`, 'A: b\r\nA: b'],
    ['a dot before a bare line end is no end', '.\n.\r.\r\n.\r\n', '\n.\r.\r\n'],
    ['a dot and two CR are no end', '.\r\r\n.\r\n', '\r\r\n'],
  ])('%s', (_, text, expected) => {
    for (let at = 0; at <= Math.min(text.length, 50); at += 1) expect(outcome(taken(text, [at]).result)).toBe(expected);
  });

  it('nothing is held but the front, and a lack of memory refuses it', () => {
    expect(
      outcome(read(Buffer.from(`${'x'.repeat(99)}\r\n.\r\n`), [], new ReceivingMemory(() => 20), front).result),
    ).toBe('x'.repeat(10));
    expect(outcome(read(Buffer.from('xxxx\r\n.\r\n'), [], new ReceivingMemory(() => 5), front).result)).toBe('no-room');
  });

  it('A01 the end is where it is for every message, and cuts change nothing', () => {
    fc.assert(
      fc.property(awkward, fc.array(fc.nat(), { maxLength: 8 }), (parts, cuts) => {
        const text = `${parts.join('')}\r\n.\r\nQUIT\r\n`;
        const pieces = taken(text, cuts);
        expect(pieces.used).toBe(read(Buffer.from(text, 'latin1')).used);
        expect(outcome(pieces.result)).toBe(outcome(taken(text).result));
      }),
      { numRuns: runs(2000) },
    );
  });
});

/** What comes of `text` in chunks that end at `cuts`. */
function inChunks(text: string, cuts: readonly number[] = []): string {
  const reader = new DataReader(
    limits,
    new ReceivingMemory(() => 1_000_000).hold(() => ['a']),
    'finish',
  );
  for (const chunk of cut(Buffer.from(text, 'latin1'), cuts)) reader.read(chunk, 0);
  expect(reader.result()).toBeUndefined();
  return outcome(reader.finish());
}

describe('a message in chunks', () => {
  it.each([
    ['may hold what would end it after 354', 'A: b\r\n\r\n.\r\nQUIT\r\n', 'A: b\r\n\r\n.\r\nQUIT\r\n'],
    ['keeps its dots', '.\r\n..x\r\n', '.\r\n..x\r\n'],
    ['may be empty', '', ''],
    ['gets the line end it lacks', 'A: b\r\n\r\nhi', 'A: b\r\n\r\nhi\r\n'],
    ['ends with no half of one', 'A: b\r\n\r\nhi\r', 'bare-newline'],
    ['holds no bare LF', 'a\nb\r\n', 'bare-newline'],
    ['holds no NUL', 'a\0b\r\n', 'nul'],
    ['may not have a line of 999 octets', `\r\n${'x'.repeat(999)}`, 'long-line'],
    ['may not have a larger header', `A: ${'b'.repeat(400)}\r\n\r\n`, 'large-header'],
    ['is too large with the line end it gets', `\r\n${'y'.repeat(98)}\r\n`.repeat(39) + 'z'.repeat(21), 'too-large'],
  ])('%s', (_, text, expected) => {
    for (let at = 0; at <= Math.min(text.length, 50); at += 1) expect(inChunks(text, [at])).toBe(expected);
  });
});

describe('A01 however bytes are cut', () => {
  it('the result is the same', () => {
    fc.assert(
      fc.property(awkward, fc.array(fc.nat(), { maxLength: 8 }), (parts, cuts) => {
        const bytes = Buffer.from(`${parts.join('')}\r\n.\r\nQUIT\r\n`, 'latin1');
        const whole = read(bytes);
        const pieces = read(bytes, cuts);
        expect(outcome(pieces.result)).toBe(outcome(whole.result));
        expect(pieces.used).toBe(whole.used);
      }),
      { numRuns: runs(2000) },
    );
  });

  it('the result in chunks is the same, and that of DATA where no dot begins a line', () => {
    fc.assert(
      fc.property(awkward, fc.array(fc.nat(), { maxLength: 8 }), (parts, cuts) => {
        const text = `${parts.join('')}\r\n`;
        expect(inChunks(text, cuts)).toBe(inChunks(text));
        if (/(?:^|\r\n)\./.test(text)) return;
        expect(inChunks(text, cuts)).toBe(outcome(read(Buffer.from(`${text}.\r\n`, 'latin1')).result));
      }),
      { numRuns: runs(2000) },
    );
  });

  it('the end is where the first CRLF.CRLF is, and not before', () => {
    fc.assert(
      fc.property(awkward, (parts) => {
        const text = `${parts.join('')}\r\n.\r\nQUIT\r\n`;
        expect(read(Buffer.from(text, 'latin1')).used).toBe(`\r\n${text}`.indexOf('\r\n.\r\n') + 3);
      }),
      { numRuns: runs(2000) },
    );
  });

  it('stuffing and reading give back the message', () => {
    const line = fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[\0\r\n]|[^\0-\u007f]/g, '.'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 4 }), (lines, cuts) => {
        const text = ['', ...lines].map((each) => `${each}\r\n`).join('');
        const wire = `${text.replaceAll(/^\./gm, '..')}.\r\n`;
        expect(outcome(read(Buffer.from(wire), cuts).result)).toBe(text);
      }),
    );
  });
});
