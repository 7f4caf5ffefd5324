import { describe, expect, test } from 'vitest';
import { hours } from '#lib/run/clock.ts';
import { type Phase, REVOKED_FOR, rotate, type RotatingKey, type RotationStep, type RotationView } from './rotation.ts';

const NOW = Date.UTC(2026, 5, 1);
const DAY = hours(24);

/** `r1 Active` made and in its phase ten days ago; a revision of 0 was brought. */
function key(text: string, more: Partial<RotatingKey> = {}): RotatingKey {
  const [selector = '', phase] = text.split(' ');
  return {
    selector,
    algorithm: selector.startsWith('e') ? 'Ed25519' : 'RSA2048',
    revision: Number(selector.slice(1)),
    isBrought: selector.endsWith('0'),
    madeAt: NOW - 10 * DAY,
    since: NOW - 10 * DAY,
    phase: phase as Phase,
    ...more,
  };
}

const step = (keys: readonly (string | RotatingKey)[], more: Partial<RotationView> = {}): RotationStep =>
  rotate({
    now: NOW,
    keys: keys.map((it) => (typeof it === 'string' ? key(it) : it)),
    algorithms: ['RSA2048'],
    rotateAfter: 180 * DAY,
    retireAfter: 8 * DAY,
    offered: new Set(),
    sightings: new Map(),
    loaded: new Set(),
    used: new Set(),
    ...more,
  });

const textOf = ({ keys }: RotationStep): string[] => keys.map(({ selector, phase }) => `${selector} ${phase}`);
const seen = (...selectors: string[]) => ({ sightings: new Map(selectors.map((it) => [it, 'seen'] as const)) });
const absent = (...selectors: string[]) => ({ sightings: new Map(selectors.map((it) => [it, 'absent'] as const)) });
const offered = (...selectors: string[]) => ({ offered: new Set(selectors) });
const used = (...selectors: string[]) => ({ used: new Set(selectors) });
const loaded = (...selectors: string[]) => ({ loaded: new Set(selectors) });

describe('the next phase of a key', () => {
  test.each<[sentence: string, before: string[], view: Partial<RotationView>, after: string[]]>([
    ['waits to be handed out', ['r1 Pending'], {}, ['r1 Pending']],
    ['is published when it was handed out', ['r1 Pending'], offered('r1'), ['r1 Published']],
    [
      'is not verified in the step that published it',
      ['r1 Pending'],
      { ...offered('r1'), ...seen('r1') },
      ['r1 Published'],
    ],
    ['is not verified unless it was seen', ['r1 Published'], {}, ['r1 Published']],
    ['is not verified while servers say it is absent', ['r1 Published'], absent('r1'), ['r1 Published']],
    ['is verified when it was seen', ['r1 Published'], seen('r1'), ['r1 Verified']],
    ['is not active before every worker has it', ['r1 Verified'], seen('r1'), ['r1 Verified']],
    ['is active when every worker has it', ['r1 Verified'], { ...seen('r1'), ...loaded('r1') }, ['r1 Active']],
    ['is active although DNS cannot be asked', ['r1 Verified'], loaded('r1'), ['r1 Active']],
    ['is not active when its record is gone', ['r1 Verified'], { ...absent('r1'), ...loaded('r1') }, ['r1 Verified']],
    ['stays active when its record is gone', ['r1 Active'], absent('r1'), ['r1 Active']],
    ['does not retire while the next is only verified', ['r1 Active', 'r2 Verified'], {}, ['r1 Active', 'r2 Verified']],
    [
      'does not retire in the step that made the next active',
      ['r1 Active', 'r2 Verified'],
      loaded('r2'),
      ['r1 Active', 'r2 Active'],
    ],
    [
      'does not retire while a worker signs with it',
      ['r1 Active', 'r2 Active'],
      used('r1'),
      ['r1 Active', 'r2 Active'],
    ],
    ['retires when the next is active', ['r1 Active', 'r2 Active'], {}, ['r1 Retiring', 'r2 Active']],
    ['that may have signed retires too', ['r1 Verified', 'r2 Active'], {}, ['r1 Retiring', 'r2 Active']],
    [
      'that has signed nothing and is followed is revoked at once',
      ['r1 Active', 'r2 Published', 'r3 Pending'],
      {},
      ['r1 Active', 'r2 Retired', 'r3 Pending'],
    ],
    ['of one family is no matter of the other', ['r1 Active', 'e2 Active'], BOTH(), ['r1 Active', 'e2 Active']],
    [
      'whose algorithm is no longer named waits until another signs',
      ['r1 Active', 'e1 Verified'],
      { algorithms: ['Ed25519'] },
      ['r1 Active', 'e1 Verified'],
    ],
    [
      'whose algorithm is no longer named retires beside one that signs',
      ['r1 Active', 'e1 Active'],
      { algorithms: ['Ed25519'] },
      ['r1 Retiring', 'e1 Active'],
    ],
    ['that was made waits for one that was brought', ['r0 Verified', 'r1 Active'], {}, ['r0 Verified', 'r1 Active']],
    ['that was made retires beside one that was brought', ['r0 Active', 'r1 Active'], {}, ['r0 Active', 'r1 Retiring']],
  ])('%s', (_, before, view, after) => {
    expect(textOf(step(before, view))).toEqual(after);
  });

  test.each<[sentence: string, before: string[], view: Partial<RotationView>, after: string[]]>([
    ['is followed', ['r0 Active'], {}, ['r0 Active']],
    ['signs until the next does', ['r0 Active', 'r1 Published'], {}, ['r0 Active', 'r1 Published']],
    ['retires when the next is active', ['r0 Active', 'r1 Active'], {}, ['r0 Retiring', 'r1 Active']],
    ['goes without being revoked', ['r0 Retired', 'r1 Active'], {}, ['r1 Active']],
    ['goes at once when it has signed nothing', ['r0 Published', 'r1 Active'], {}, ['r1 Active']],
  ])('that was brought and is named no more %s', (_, before, view, after) => {
    const keys = before.map((it) => key(it, { isBrought: false }));
    expect(textOf(step(keys, view))).toEqual(after);
  });

  test('is revoked when what it signed needs it no more, and gone after that', () => {
    const retiring = (days: number) => textOf(step([key('r1 Retiring', { since: NOW - days * DAY }), 'r2 Active']));
    expect([retiring(7.9), retiring(8)]).toEqual([
      ['r1 Retiring', 'r2 Active'],
      ['r1 Retired', 'r2 Active'],
    ]);
    const over = step([key('r1 Retired', { since: NOW - REVOKED_FOR }), 'r2 Active']);
    expect([textOf(over), over.remove]).toEqual([['r2 Active'], ['r1']]);
  });

  test('retires anew when a worker is seen to sign with it after all', () => {
    const [found] = step([key('r1 Retiring'), 'r2 Active'], used('r1')).keys;
    expect(found).toMatchObject({ phase: 'Retiring', since: NOW });
  });

  test('is nobody’s business when it was never handed out: it goes without a word', () => {
    expect(step(['r1 Pending', 'r2 Pending']).remove).toEqual(['r1']);
    expect(textOf(step(['r1 Pending', 'r2 Pending'], offered('r1')))).toEqual(['r1 Retired', 'r2 Pending']);
  });
});

function BOTH(): Partial<RotationView> {
  return { algorithms: ['RSA2048', 'Ed25519'] };
}

describe('what signs', () => {
  test.each<[sentence: string, keys: string[], view: Partial<RotationView>, signers: string[]]>([
    ['is nothing before a record was seen', ['r1 Pending', 'e1 Published'], BOTH(), []],
    ['is a key of each family', ['r1 Active', 'e1 Verified'], BOTH(), ['e1', 'r1']],
    ['is the newest that was seen, in place of the one before', ['r1 Active', 'r2 Verified'], {}, ['r2']],
    ['is the one before while the next is on its way', ['r1 Active', 'r2 Published'], {}, ['r1']],
    ['is the one before when the record of the next is gone', ['r1 Active', 'r2 Verified'], absent('r2'), ['r1']],
    ['is an active key whatever DNS says', ['r1 Active'], absent('r1'), ['r1']],
    ['is a verified one although a newer was made', ['r1 Verified', 'r2 Pending'], {}, ['r1']],
    ['is not one whose algorithm is no longer named', ['r1 Active', 'e1 Active'], { algorithms: ['Ed25519'] }, ['e1']],
    ['is never one that retires', ['r1 Retiring', 'r2 Active'], {}, ['r2']],
    ['is every key that was brought, and none that was made beside it', ['r0 Verified', 'r1 Active'], {}, ['r0']],
    ['is what was made until what was brought is seen', ['r0 Published', 'r1 Active'], {}, ['r1']],
  ])('%s', (_, keys, view, signers) => {
    expect(step(keys, view).signers).toEqual(signers);
  });
});

describe('a key is made', () => {
  test.each<[sentence: string, keys: (string | RotatingKey)[], view: Partial<RotationView>, make: string[]]>([
    ['for each algorithm that has none', [], BOTH(), ['RSA2048', 'Ed25519']],
    ['for no algorithm that has one', ['r1 Pending', 'e1 Retired', 'e2 Pending'], BOTH(), []],
    ['when the last one is going', ['r1 Retiring'], {}, ['RSA2048']],
    ['when another length is named', ['r1 Active'], { algorithms: ['RSA4096'] }, ['RSA4096']],
    [
      'once, when another length is named',
      ['r1 Active', key('r2 Pending', { algorithm: 'RSA4096' })],
      { algorithms: ['RSA4096'] },
      [],
    ],
    ['not beside one that was brought', ['r0 Pending'], {}, []],
    ['when one has been active for long enough', [key('r1 Active', { since: NOW - 180 * DAY })], {}, ['RSA2048']],
    ['not because one waited for its record', [key('r1 Published', { since: NOW - 400 * DAY })], {}, []],
    ['never, when a key signs for ever', [key('r1 Active', { since: 0 })], { rotateAfter: 0 }, []],
    ['once, while the next is on its way', [key('r1 Active', { since: 0 }), 'r2 Published'], {}, []],
    ['when it was asked for', ['r1 Active'], { rotateAt: NOW }, ['RSA2048']],
    ['not before the time it was asked for', ['r1 Active'], { rotateAt: NOW + 1 }, []],
    ['not again for what was asked for', [key('r1 Pending', { madeAt: NOW })], { rotateAt: NOW }, []],
    [
      'in place of one that was brought and is named no more',
      [key('r0 Active', { isBrought: false })],
      {},
      ['RSA2048'],
    ],
    ['in place of one that waits, when it was asked for', ['r1 Published'], { rotateAt: NOW }, ['RSA2048']],
  ])('%s', (_, keys, view, make) => {
    expect(step(keys, view).make).toEqual(make);
  });
});

describe('time alone changes something', () => {
  test.each<[sentence: string, keys: (string | RotatingKey)[], view: Partial<RotationView>, next: number | undefined]>([
    ['never, without keys', [], {}, undefined],
    ['when a key has been active for long enough', ['r1 Active'], {}, 170 * DAY],
    ['when a record may be revoked', [key('r1 Retiring', { since: NOW }), 'r2 Active'], {}, 8 * DAY],
    ['when a revoked record may go', ['r1 Retired', 'r2 Active'], {}, 20 * DAY],
    ['when it was asked for', ['r1 Active'], { rotateAt: NOW + DAY }, DAY],
    ['never, when a key signs for ever', ['r1 Active'], { rotateAfter: 0 }, undefined],
  ])('%s', (_, keys, view, next) => {
    expect(step(keys, view).next).toBe(next === undefined ? undefined : NOW + next);
  });
});
