import { expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { differencesOf, wantedOf } from './streams.ts';

const [log, , keys, hand] = wantedOf(layoutOf('q', 64), { replicas: 3, logBytes: 1000, doneBytes: 1000 });
if (!log || !keys || !hand) throw new Error('there are four streams');

test.each([
  ['is as it was made', log, {}, []],
  ['is larger, or kept by more servers', log, { max_bytes: 9999, num_replicas: 5 }, []],
  ['is kept by fewer servers', log, { num_replicas: 1 }, [/num_replicas is below 3/]],
  ['drops the oldest when it is full', log, { discard: 'old' }, [/discard is "old", not "new"/]],
  ['is in memory', log, { storage: 'memory' }, [/storage is "memory", not "file"/]],
  ['answers before it has written', log, { persist_mode: 'async' }, [/persist_mode is async/]],
  ['drops what was read', log, { retention: 'workqueue' }, [/retention is not limits/]],
  ['knows ids for a shorter time', log, { duplicate_window: 1 }, [/duplicate_window/]],
  ['forgets what is old', log, { max_age: 1 }, [/max_age is 1, not 0/]],
  ['keeps the last of each subject', log, { max_msgs_per_subject: 1 }, [/max_msgs_per_subject is 1, not -1/]],
  ['lets go of nothing', log, { deny_purge: true }, [/deny_purge is true/]],
  ['has no keys coming in', keys, { sources: [] }, [/sources lack q_LOG/]],
  ['keeps more of what is in hand', hand, { max_msgs_per_subject: -1 }, [/max_msgs_per_subject is -1, not 1/]],
])('a stream that %s', (_, wanted, over, problems) => {
  const found = differencesOf(wanted, { ...wanted, ...over });
  expect(found).toHaveLength(problems.length);
  for (const [at, problem] of problems.entries()) expect(found[at]).toMatch(problem);
});
