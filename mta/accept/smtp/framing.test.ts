import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut } from './cuts.ts';
import { type Frame, Framer, LONGEST_LINE } from './framing.ts';
import { ReceivingMemory } from '../memory.ts';
import { defaultLimits } from './limits.ts';
import { runs } from '../../../test/harness/runs.ts';

/** Frames of `text` as words; DATA is followed by a message, as after 354, BDAT by octets, DROP by such that are refused. */
function frames(text: string, cuts: readonly number[] = []): string[] {
  const framer = new Framer();
  const seen: string[] = [];
  for (const chunk of cut(Buffer.from(text, 'latin1'), cuts)) {
    framer.push(chunk);
    for (let frame = framer.next(); frame; frame = framer.next()) {
      seen.push(word(frame));
      const [verb, size, last] = seen.at(-1)?.split(' ') ?? [];
      if (verb === 'DATA')
        framer.readData(
          defaultLimits,
          new ReceivingMemory(() => 1e6).hold(() => ['a']),
        );
      if (verb === 'BDAT')
        framer.readChunk(
          Number(size),
          last === 'LAST',
          defaultLimits,
          new ReceivingMemory(() => 1e6).hold(() => ['a']),
        );
      if (verb === 'DROP') framer.discard(Number(size));
    }
  }
  return seen;
}

function word(frame: Frame): string {
  if (frame.kind === 'line') return frame.line.toString('latin1');
  if (frame.kind === 'message') return `message ${frame.raw.length}`;
  return frame.kind === 'chunk' || frame.kind === 'discarded' ? frame.kind : frame.problem;
}

describe('command lines', () => {
  it.each([
    ['end with CRLF', 'NOOP\r\nQUIT\r\n', ['NOOP', 'QUIT']],
    ['may be empty', '\r\n\r\n', ['', '']],
    ['wait for their end', 'NOOP\r', []],
    ['with a bare LF are dropped up to the next CRLF', 'MAIL\nRCPT\nDATA\r\nQUIT\r\n', ['bare-newline', 'QUIT']],
    ['with a bare CR are told as bad', 'NO\rOP\r\nQUIT\r\n', ['bare-newline', 'QUIT']],
    ['with CR CR LF are told as bad', 'NOOP\r\r\nQUIT\r\n', ['bare-newline', 'QUIT']],
    ['that never end are told once', `${'x'.repeat(3 * LONGEST_LINE)}\r\nQUIT\r\n`, ['long-line', 'QUIT']],
    ['may be as long as AUTH needs', `${'x'.repeat(LONGEST_LINE - 2)}\r\n`, ['x'.repeat(LONGEST_LINE - 2)]],
    ['may not be longer', `${'x'.repeat(LONGEST_LINE - 1)}\r\n`, ['long-line']],
    [
      'are a message after DATA, and lines again after it',
      'DATA\r\nQUIT\r\n.\r\nQUIT\r\n',
      ['DATA', 'message 6', 'QUIT'],
    ],
    [
      'are octets after BDAT, and lines again after so many of them',
      'BDAT 6\r\nQUIT\r\nBDAT 0\r\nBDAT 2 LAST\r\n\r\nQUIT\r\n',
      ['BDAT 6', 'chunk', 'BDAT 0', 'chunk', 'BDAT 2 LAST', 'message 8', 'QUIT'],
    ],
    [
      'follow a chunk that spoils its message, and the next chunk begins another',
      'BDAT 2\r\na\nBDAT 3 LAST\r\nb\r\nBDAT 2 LAST\r\nc\r',
      ['BDAT 2', 'bare-newline', 'BDAT 3 LAST', 'message 3', 'BDAT 2 LAST', 'bare-newline'],
    ],
    ['follow octets that are dropped', 'DROP 7\r\n\nQUIT\r\nQUIT\r\n', ['DROP 7', 'discarded', 'QUIT']],
  ])('%s', (_, text, expected) => {
    expect(frames(text)).toEqual(expected);
  });

  it('are the same however bytes are cut', () => {
    const part = fc.constantFrom(
      'NOOP',
      '\r\n',
      '\r\n',
      '\n',
      '\r',
      'DATA\r\n',
      '\r\nBDAT 3\r\n',
      '\r\nBDAT 7 LAST\r\n',
      '\r\nDROP 5\r\n',
      '\r\n.\r\n',
      '.',
      'x'.repeat(LONGEST_LINE - 3),
      'x',
    );
    const cuts = fc.array(fc.nat(), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 25 }), cuts, (parts, at) => {
        expect(frames(parts.join(''), at)).toEqual(frames(parts.join('')));
      }),
      { numRuns: runs(1000) },
    );
  });

  it('are the same byte by byte', () => {
    const text = `NOOP\r\nA\nB\r\r\n\r\n${'x'.repeat(LONGEST_LINE)}\r\r\nDATA\r\n..\r\n\n.\r\n\r\n.\r\nBDAT 4\r\nx\r\n\rBDAT 1\r\n\nQUIT\r\n`;
    expect(
      frames(
        text,
        Array.from(text, (_character, at) => at),
      ),
    ).toEqual(frames(text));
  });

  it('are told by their kind', () => {
    const framer = new Framer();
    framer.push(Buffer.from('NOOP\r\nNO\rOP\r\nA\n\r\nB'));
    expect(framer.next()).toEqual({ kind: 'line', line: Buffer.from('NOOP') });
    expect(framer.next()).toEqual({ kind: 'bad-line', problem: 'bare-newline' });
    expect(framer.next()).toEqual({ kind: 'bad-line', problem: 'bare-newline' });
    expect(framer.next()).toBeUndefined();
  });

  it('without an end are told as soon as they are too long, and their end may come in two', () => {
    const framer = new Framer();
    framer.push(Buffer.alloc(LONGEST_LINE - 1, 'x'));
    expect(framer.next()).toBeUndefined();
    framer.push(Buffer.from('x'));
    expect(framer.next()).toEqual({ kind: 'bad-line', problem: 'long-line' });
    framer.push(Buffer.from(`${'x'.repeat(LONGEST_LINE)}\r`));
    expect(framer.next()).toBeUndefined();
    expect(framer.hasMore).toBe(true);
    framer.push(Buffer.from('\nQUIT\r\n'));
    expect(framer.next()).toEqual({ kind: 'line', line: Buffer.from('QUIT') });
  });

  it('are told of as long as some have not been taken', () => {
    const framer = new Framer();
    expect(framer.hasMore).toBe(false);
    framer.push(Buffer.from('NOOP\r\nQU'));
    expect(framer.hasMore).toBe(true);
    framer.next();
    expect(framer.hasMore).toBe(true);
    framer.push(Buffer.from('IT\r\n'));
    framer.next();
    expect(framer.hasMore).toBe(false);
  });

  it('waiting without an end hold a bounded amount of memory', () => {
    const framer = new Framer();
    let told = 0;
    for (let megabytes = 0; megabytes < 100; megabytes += 1) {
      framer.push(Buffer.alloc(1_000_000, 'x'));
      for (let frame = framer.next(); frame; frame = framer.next()) told += 1;
      expect(framer.hasMore).toBe(false);
    }
    expect(told).toBe(1);
  });
});

describe('a message in chunks', () => {
  const hold = new ReceivingMemory(() => 1e6).hold(() => ['a']);
  const chunk = (framer: Framer, text: string, isLast: boolean): string => {
    framer.readChunk(text.length, isLast, defaultLimits, hold);
    framer.push(Buffer.from(text));
    const frame = framer.next();
    return frame ? word(frame) : 'more';
  };

  it('is made of all of them, though lines, octets that mean nothing and pauses are between', () => {
    const framer = new Framer();
    expect(chunk(framer, 'A: b\r\n', false)).toBe('chunk');
    framer.push(Buffer.from('NOOP\r\n'));
    expect(framer.next()).toMatchObject({ kind: 'line' });
    framer.discard(3);
    framer.push(Buffer.from('abc'));
    expect(framer.next()).toEqual({ kind: 'discarded' });
    expect(chunk(framer, '\r\nc\r\n', true)).toBe('message 11');
    expect(chunk(framer, 'c\r\n', true)).toBe('message 3');
  });

  it('that will not be finished is forgotten: the next one begins another', () => {
    const framer = new Framer();
    expect(chunk(framer, 'A: b\r\n', false)).toBe('chunk');
    framer.forget();
    expect(chunk(framer, 'c\r\n', true)).toBe('message 3');
  });

  it.each([
    ['a\0\r', 'nul'],
    ['a\nb\0', 'bare-newline'],
    [`${'x'.repeat(1001)}\r`, 'long-line'],
  ])('is bad as soon as one of them is, whose end says nothing: %j', (text, problem) => {
    const framer = new Framer();
    framer.readChunk(text.length, false, defaultLimits, hold);
    framer.push(Buffer.from(text));
    expect(framer.next()).toEqual({ kind: 'bad-message', problem });
    expect(chunk(framer, 'c\r\n', true)).toBe('message 3');
  });

  it('tells what is wrong with its last one as a whole', () => {
    const framer = new Framer();
    framer.readChunk(3, true, defaultLimits, hold);
    framer.push(Buffer.from('a\nb'));
    expect(framer.next()).toEqual({ kind: 'bad-message', problem: 'bare-newline' });
  });
});
