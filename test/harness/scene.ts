/**
 * A stage for one test file: ended after its tests, kept when any of them failed.
 */
import { afterAll, afterEach } from 'vitest';
import { Stage } from './stage.ts';

/** To be called once, outside of tests. */
export function openScene(): Stage {
  const stage = new Stage();
  let passed = 0;
  let failed = 0;
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') failed += 1;
    else passed += 1;
  });
  // Without any test that passed, something before the tests has failed.
  afterAll(() => stage.end(failed > 0 || passed === 0));
  return stage;
}
