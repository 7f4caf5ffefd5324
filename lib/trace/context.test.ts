import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSampled, readTraceContext } from './context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;

describe('traceparent', () => {
  test.each([
    ['as the standard has it', VALID, VALID],
    ['between spaces', ` ${VALID} `, VALID],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, `00-${TRACE}-${SPAN}-00`],
    ['with flags nobody knows', `00-${TRACE}-${SPAN}-ff`, `00-${TRACE}-${SPAN}-03`],
    ['of a newer version', `cc-${TRACE}-${SPAN}-01`, VALID],
    ['of a newer version, with more', `cc-${TRACE}-${SPAN}-01-what-the-future-holds`, VALID],
  ])('%s is kept', (_, text, kept) => {
    expect(readTraceContext(text)).toEqual({ traceparent: kept });
  });

  test.each([
    ['nothing', ''],
    ['another text', 'hello'],
    ['the version that is forbidden', `ff-${TRACE}-${SPAN}-01`],
    ['our version with more', `${VALID}-more`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['capital letters', VALID.toUpperCase()],
    ['a short trace', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['two of them', `${VALID}, ${VALID}`],
    ['a newer version without end', `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1000)}`],
  ])('%s is as if it were not there', (_, text) => {
    expect(readTraceContext(text, 'vendor=1')).toBeUndefined();
  });
});

describe('tracestate', () => {
  test.each([
    ['one member', 'rojo=00f067aa0ba902b7', 'rojo=00f067aa0ba902b7'],
    ['several, with spaces between', 'rojo=1 , tenant@congo=t61', 'rojo=1,tenant@congo=t61'],
    ['empty members', ',rojo=1,,', 'rojo=1'],
  ])('%s is kept', (_, text, kept) => {
    expect(readTraceContext(VALID, text)).toEqual({ traceparent: VALID, tracestate: kept });
  });

  test.each([
    ['nothing', ''],
    ['no value', 'rojo'],
    ['a key in capitals', 'ROJO=1'],
    ['a control character', 'rojo=1\u00002'],
    ['more members than allowed', Array.from({ length: 33 }, (_, at) => `k${at}=1`).join(',')],
    ['more than is passed on', `rojo=${'x'.repeat(600)}`],
  ])('%s is left out, and the trace goes on', (_, text) => {
    expect(readTraceContext(VALID, text)).toEqual({ traceparent: VALID });
  });
});

test('whether a trace is kept is one bit', () => {
  expect(['00', '01', '02', '03'].map((it) => isSampled({ traceparent: VALID.slice(0, -2) + it }))).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

test('whatever comes, what is kept is valid, short, and read again is the same', () => {
  const parent = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-x)?$/));
  const state = fc.oneof(fc.string(), fc.stringMatching(/^([a-z]{1,3}=[!-~]{1,3},?){1,40}$/));
  fc.assert(
    fc.property(parent, state, (traceparent, tracestate) => {
      const read = readTraceContext(traceparent, tracestate);
      if (!read) return;
      expect(read.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]$/);
      expect(read.tracestate ?? '').toMatch(/^[\x20-\x7e]{0,512}$/);
      expect(readTraceContext(read.traceparent, read.tracestate)).toEqual(read);
    }),
  );
});
