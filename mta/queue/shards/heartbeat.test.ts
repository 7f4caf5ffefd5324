import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeHeartbeat, encodeHeartbeat } from './heartbeat.ts';

const number = fc.nat();

test('what is said is heard as it was said', () => {
  const said = fc.record({
    name: fc.string(),
    isLeaving: fc.boolean(),
    held: fc.array(fc.tuple(number, number)).map((it) => new Map(it)),
    ready: fc.option(
      fc.array(number).map((it) => new Set(it)),
      { nil: undefined },
    ),
  });
  fc.assert(
    fc.property(said, (it) => {
      expect(decodeHeartbeat(encodeHeartbeat(it))).toEqual(it);
    }),
    { numRuns: 50 },
  );
});

test('what is no heartbeat is nobody’s', () => {
  for (const text of [
    '',
    '{}',
    'null',
    '[]',
    '{"v":2,"name":"a","leaving":false,"held":[]}',
    '{"v":1,"name":"a","held":[]}',
  ])
    expect(decodeHeartbeat(Buffer.from(text))).toBeUndefined();
  for (const held of ['3', '[3]', '[[3]]', '[[3,"4"]]', '[[3,4,5]]'])
    expect(decodeHeartbeat(Buffer.from(`{"v":1,"name":"a","leaving":false,"held":${held}}`))).toBeUndefined();
  for (const ready of ['3', '["3"]', '{}'])
    expect(
      decodeHeartbeat(Buffer.from(`{"v":1,"name":"a","leaving":false,"held":[],"ready":${ready}}`)),
    ).toBeUndefined();
});

test('no bytes break it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeHeartbeat(bytes)).toBeUndefined();
    }),
    { numRuns: 50 },
  );
});
