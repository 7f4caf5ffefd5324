import { defineConfig } from 'vitest/config';

/**
 * `unit` needs Node only and belongs to `npm run check`; `real` starts real servers and belongs to `npm test`.
 * A test that needs anything installed lives under `test/`; everything else stands beside its file.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{crds,lib,mta,operator}/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/{scenarios,crash,e2e}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
