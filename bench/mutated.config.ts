/**
 * How tests are run against code that `mutation.ts` has made wrong. Which tests is said in `MUTATED_TESTS`.
 *
 * What chance draws is the same in each run, so that what was noticed once is noticed again. Wrong code is often noticed
 * by a test that waits for what never comes: such a test is given up soon, and the tests of small things come first.
 */
import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Where Linux has a file system in memory. */
const MEMORY = '/dev/shm';

/** Whole parts are tested by the file that is named so. */
const LAST = /\/queue\.test\.ts$/;

class SmallFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): string => `${LAST.test(moduleId) ? 1 : 0} ${moduleId}`;
    return files.toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
  }
}

export default defineConfig({
  test: {
    include: (process.env['MUTATED_TESTS'] ?? '').split(' '),
    setupFiles: ['test/setup/same-chance.ts'],
    sequence: { sequencer: SmallFirst },
    testTimeout: 6000,
    hookTimeout: 6000,
    ...(existsSync(MEMORY) && { env: { TMPDIR: MEMORY } }),
  },
});
