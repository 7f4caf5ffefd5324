import { describe, expect, test } from 'vitest';
import { wishesOf } from './wishes.ts';

const NONE = { isPaused: false, problems: [] };

describe('annotations', () => {
  test.each<[annotations: Record<string, string> | undefined, wishes: object]>([
    [undefined, NONE],
    [{ 'example.com/paused': 'true' }, NONE],
    [{ 'postfleet.io/paused': 'true' }, { ...NONE, isPaused: true }],
    [{ 'postfleet.io/paused': 'false' }, NONE],
    [{ 'postfleet.io/paused': 'yes' }, { isPaused: true, problems: ['postfleet.io/paused must be "true" or "false"'] }],
    [{ 'postfleet.io/reconcile-at': 'now' }, { ...NONE, reconcileAt: 'now' }],
    [{ 'postfleet.io/rotate-at': '2026-11-22T12:00:00Z' }, { ...NONE, rotateAt: Date.UTC(2026, 10, 22, 12) }],
    [{ 'postfleet.io/rotate-at': '2026-11-22T12:00:00+01:00' }, { ...NONE, rotateAt: Date.UTC(2026, 10, 22, 11) }],
    [
      { 'postfleet.io/rotate-at': 'tomorrow' },
      { ...NONE, problems: ['postfleet.io/rotate-at must be a moment, such as 2026-11-22T12:00:00Z'] },
    ],
    [
      { 'postfleet.io/rotate-at': '2026-13-45T12:00:00Z' },
      { ...NONE, problems: ['postfleet.io/rotate-at must be a moment, such as 2026-11-22T12:00:00Z'] },
    ],
  ])('%j are understood', (annotations, wishes) => {
    expect(wishesOf(annotations)).toEqual(wishes);
  });
});
