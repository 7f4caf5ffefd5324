/**
 * What every memory promises, as tests. An adapter's own test file calls `memoryContract` with a way to open it on storage
 * that outlives it, and on a clock that the test moves.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import type { FakeClock } from '#lib/run/fake-clock.ts';
import type { Memory } from './memory.ts';

export interface MemoryHarness {
  readonly clock: FakeClock;
  readonly memory: Memory;
  /** As another process would open it, after this one was killed. */
  readonly reopen: () => Promise<Memory>;
  /** From now on nothing can be written, or it can again. */
  readonly breakDown: (broken: boolean) => void;
  /** How much is stored, whether it holds or not. */
  readonly stored: () => Promise<number>;
}

export function memoryContract(name: string, open: () => Promise<MemoryHarness>): void {
  describe(`${name} keeps the promises of the memory port`, () => {
    const keysOf = async (memory: Memory): Promise<string[]> => (await memory.read()).map((it) => it.key).toSorted();

    test('what was written is read by who opens it next, as it was', async () => {
      const { clock, memory, reopen } = await open();
      const value = { list: [1, 2.5, null, 'ü "quoted" \n'], nothing: null, yes: true };
      const notes = [
        { key: 'one', value, until: clock.now() + hours(1) },
        { key: "it's two", value: 2, until: clock.now() + hours(2) },
      ];
      await memory.write(notes);
      expect(await (await reopen()).read()).toEqual(expect.arrayContaining(notes));
      expect(await keysOf(memory)).toEqual(["it's two", 'one']);
    });

    test('the last note under a key stands, also within one call, and written again it is one', async () => {
      const { clock, memory, reopen } = await open();
      const note = (value: unknown) => ({ key: 'one', value, until: clock.now() + hours(1) });
      await memory.write([note(1), note(2)]);
      await memory.write([note(3)]);
      await memory.write([note(3)]);
      expect(await (await reopen()).read()).toEqual([note(3)]);
    });

    test('what holds no more is not read, and goes from the storage', async () => {
      const { clock, memory, stored } = await open();
      await memory.write([
        { key: 'short', value: 1, until: clock.now() + hours(1) },
        { key: 'long', value: 1, until: clock.now() + hours(3) },
      ]);
      clock.advance(hours(1));
      expect(await keysOf(memory)).toEqual(['long']);
      await memory.write([{ key: 'other', value: 1, until: clock.now() + hours(1) }]);
      expect(await stored()).toBe(2);
    });

    test('a note that has ended takes its key away', async () => {
      const { clock, memory, stored } = await open();
      await memory.write([{ key: 'one', value: 1, until: clock.now() + hours(1) }]);
      await memory.write([{ key: 'one', value: null, until: clock.now() }]);
      expect([await memory.read(), await stored()]).toEqual([[], 0]);
    });

    test('what could not be written is as it was, and can be written again', async () => {
      const { clock, memory, breakDown } = await open();
      const notes = (value: number) => ['one', 'two'].map((key) => ({ key, value, until: clock.now() + hours(1) }));
      await memory.write(notes(1));
      breakDown(true);
      await expect(memory.write(notes(2))).rejects.toThrow(/./);
      expect(await memory.read()).toEqual(expect.arrayContaining(notes(1)));
      breakDown(false);
      await memory.write(notes(2));
      expect(await memory.read()).toEqual(expect.arrayContaining(notes(2)));
    });

    test('many at once are all there', async () => {
      const { clock, memory, reopen } = await open();
      const until = clock.now() + hours(1);
      await memory.write(Array.from({ length: 20_000 }, (_, at) => ({ key: `key ${at}`, value: at, until })));
      const read = await (await reopen()).read();
      expect(read).toHaveLength(20_000);
      expect(read.every(({ key, value }) => key === `key ${String(value)}`)).toBe(true);
    });

    test('it is a map whose entries end, whatever is written', async () => {
      const { clock, memory } = await open();
      const known = new Map<string, { value: unknown; until: number }>();
      const note = fc.record({
        key: fc.constantFrom('a', 'b', 'ü', "'"),
        value: fc.jsonValue(),
        hours: fc.integer({ min: 0, max: 3 }),
      });
      const step = async (notes: readonly { key: string; value: unknown; hours: number }[]): Promise<void> => {
        const written = notes.map((it) => ({ key: it.key, value: it.value, until: clock.now() + hours(it.hours) }));
        await memory.write(written);
        for (const { key, value, until } of written) known.set(key, { value, until });
        clock.advance(hours(1));
        for (const [key, { until }] of known) if (until <= clock.now()) known.delete(key);
        const read = new Map((await memory.read()).map(({ key, value, until }) => [key, { value, until }]));
        expect(JSON.stringify([...read].toSorted(byKey))).toBe(JSON.stringify([...known].toSorted(byKey)));
      };
      await fc.assert(fc.asyncProperty(fc.array(note, { maxLength: 5 }), step), { numRuns: 50 });
    });
  });
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
