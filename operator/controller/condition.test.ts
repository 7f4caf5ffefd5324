import { describe, expect, test } from 'vitest';
import { conditionsAfter, type Finding, type Progress, summary } from './condition.ts';

const AT = Date.UTC(2026, 5, 1, 12, 0, 0, 789);
const LATER = AT + 60_000;
const ready = (status: Finding['status'], reason = 'Because'): Finding => ({
  type: 'Ready',
  status,
  reason,
  message: '',
});
const first = conditionsAfter([], [ready('False')], { generation: 1, now: AT });

describe('a condition', () => {
  test('has the time in whole seconds at which it came to be so', () => {
    expect(first).toEqual([{ ...ready('False'), observedGeneration: 1, lastTransitionTime: '2026-06-01T12:00:00Z' }]);
  });

  test('keeps its time while only its reason changes, and says which spec was judged', () => {
    const [after] = conditionsAfter(first, [ready('False', 'Other')], { generation: 2, now: LATER });
    expect(after).toMatchObject({ reason: 'Other', observedGeneration: 2, lastTransitionTime: '2026-06-01T12:00:00Z' });
  });

  test('has a new time when it is otherwise', () => {
    const [after] = conditionsAfter(first, [ready('True')], { generation: 1, now: LATER });
    expect(after?.lastTransitionTime).toBe('2026-06-01T12:01:00Z');
  });

  test('goes when it is found no more', () => {
    expect(conditionsAfter(first, [], { generation: 1, now: LATER })).toEqual([]);
  });

  test('has a message that people can read', () => {
    const [after] = conditionsAfter([], [{ ...ready('False'), message: 'x'.repeat(5000) }], { generation: 1, now: AT });
    expect(after?.message).toHaveLength(1024);
  });
});

test.each<[progress: Progress, conditions: string[]]>([
  [{ kind: 'ready' }, ['Ready=True Ready']],
  [{ kind: 'waiting', reason: 'DNSPending', message: '' }, ['Ready=False DNSPending', 'Reconciling=True DNSPending']],
  [{ kind: 'resting', reason: 'Suspended', message: '' }, ['Ready=False Suspended']],
  [{ kind: 'stalled', reason: 'PoolRefused', message: '' }, ['Ready=False PoolRefused', 'Stalled=True PoolRefused']],
])('what is %j has no other summary', (progress, conditions) => {
  expect(summary(progress).map(({ type, status, reason }) => `${type}=${status} ${reason}`)).toEqual(conditions);
});
