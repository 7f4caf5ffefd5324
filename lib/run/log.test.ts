import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { until } from '../../test/harness/until.ts';
import { systemClock } from './clock.ts';
import { type Fields, type Log, openLog } from './log.ts';

const folder = mkdtempSync(join(tmpdir(), 'postfleet-log-'));
const descriptors: number[] = [];
afterAll(() => {
  for (const descriptor of descriptors) closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

let count = 0;

/** A log on a file, and its text so far. */
function open(): { readonly log: Log; readonly text: () => string } {
  const file = join(folder, `${(count += 1)}.log`);
  const descriptor = openSync(file, 'a');
  descriptors.push(descriptor);
  return { log: openLog(descriptor, systemClock), text: () => readFileSync(file, 'utf8') };
}

const records = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('a record is a line of JSON: level, time, message and fields, and nothing of the machine', async () => {
  const { log, text } = open();
  log.info('started', { port: 25 });
  log.warn('slow', { event: { v: 1, nested: ['x'] } });
  log.error('failed');
  await log.flush();
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(records(text())).toEqual([
    { level: 'info', time, port: 25, msg: 'started' },
    { level: 'warn', time, event: { v: 1, nested: ['x'] }, msg: 'slow' },
    { level: 'error', time, msg: 'failed' },
  ]);
});

test('A15 whatever a text holds, it is one line and comes out as it went in', async () => {
  const { log, text } = open();
  const written: string[] = [];
  const hostile = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom('\n', '\r', '"', '\\', '{', '}', '\0', '\u001b', '\u2028', '%s', '%') }),
  );
  fc.assert(
    fc.property(hostile, (reply) => {
      log.info('said', { reply });
      written.push(reply);
    }),
  );
  await log.flush();
  expect(records(text()).map((it) => it['reply'])).toEqual(written);
});

test('a message is never a format: what looks like one stays as it is', async () => {
  const { log, text } = open();
  log.info('100 %s %d %j', { a: 1 });
  await log.flush();
  expect(records(text())[0]).toMatchObject({ msg: '100 %s %d %j', a: 1 });
});

test('what cannot be JSON costs its field, not the line or the process', async () => {
  const { log, text } = open();
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  log.info('odd', { circle, none: undefined, fine: 1 } satisfies Fields);
  await log.flush();
  expect(records(text())).toMatchObject([{ msg: 'odd', fine: 1 }]);
});

test('an error is written out without being asked for', async () => {
  const { log, text } = open();
  log.info('before');
  log.error('failed');
  await until('the error', () => text().includes('failed'));
  expect(records(text()).map((it) => it['msg'])).toEqual(['before', 'failed']);
});

test('flushing twice, or nothing, is harmless', async () => {
  const { log, text } = open();
  await log.flush();
  log.info('one');
  await log.flush();
  await log.flush();
  expect(records(text())).toHaveLength(1);
});

test('a log that cannot be written neither throws nor waits', async () => {
  const descriptor = openSync('/dev/full', 'a');
  descriptors.push(descriptor);
  const log = openLog(descriptor, systemClock);
  const writeMany = async (): Promise<void> => {
    for (let at = 0; at < 1000; at += 1) log.error('nobody reads this', { at });
    await log.flush();
  };
  await expect(writeMany()).resolves.toBeUndefined();
});

test('lines that were lost are counted in the next that is written', async () => {
  const file = join(folder, 'lost.log');
  const descriptor = openSync(file, 'wx+');
  const log = openLog(descriptor, systemClock);
  closeSync(descriptor);
  log.info('one');
  log.info('two');
  await log.flush();
  // The next file gets the lowest free descriptor, which is the one the log still writes to.
  descriptors.push(openSync(file, 'a'));
  log.info('three');
  await log.flush();
  expect(descriptors.at(-1)).toBe(descriptor);
  expect(records(readFileSync(file, 'utf8'))).toMatchObject([{ dropped: 2 }, { msg: 'three' }]);
});
