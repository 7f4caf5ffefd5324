import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Scenarios are stories in the order of their numbers, whatever was slow or failed last time. */
class PathOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const order = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    return files.toSorted((a, b) => order(a) - order(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** Where Linux has a file system in memory. */
const MEMORY = '/dev/shm';

/**
 * `unit` needs Node only and belongs to `npm run check`; `real` starts real servers and belongs to `npm test`.
 * A test that needs anything installed lives under `test/`; everything else stands beside its file.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: PathOrder },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{crds,helm,lib,mta,operator}/**/*.test.ts', 'test/*.test.ts'],
          // A slow machine is no failure.
          testTimeout: 30_000,
          maxWorkers: '100%',
          // Files share what they import: half of the time of a run is spent on that otherwise.
          isolate: false,
          // Promises about the disk are kept on a real one (test/crash); here only what is written counts.
          ...(existsSync(MEMORY) && { env: { TMPDIR: MEMORY } }),
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/{scenarios,attacks,crash,simulation,kubernetes}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
