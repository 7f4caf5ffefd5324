/**
 * The judge of `24-three-receivers` sees each thing that may go wrong.
 */
import { expect, test } from 'vitest';
import type { EventType, MailEvent } from '#mta/mail/event.ts';
import type { Counts } from './harness/tempers.ts';
import { type Outcome, type Sent } from './harness/three-receivers.ts';
import { wrongWith } from './harness/three-receivers-judge.ts';

const trace = (...types: EventType[]) => types.map((type) => ({ type, reply: '550 5.1.1 no such user' }) as MailEvent);
const KIND = { isStranger: false, isPutOff: false, at: 0 };
const PLAIN: Sent = { ...KIND, temper: 'storms', recipient: 'a@x.test', id: '1', events: trace('queued', 'delivered') };
const STRANGER: Sent = {
  ...KIND,
  temper: 'refuses',
  recipient: 'b@y.test',
  isStranger: true,
  id: '2',
  events: trace('queued', 'bounced'),
};
const counts = (temper: Counts['temper'], taken: Readonly<Record<string, number>>, mostAtOnce = 1): Counts => ({
  temper,
  receiver: { connections: 1, mostAtOnce },
  taken: new Map(Object.entries(taken).map(([recipient, times]) => [recipient, { times, at: 0 }])),
  refusals: { later: 0, never: 0, closing: 0 },
});
const RIGHT: Outcome = {
  sent: [PLAIN, STRANGER],
  receivers: [counts('storms', { 'a@x.test': 1 }), counts('refuses', {})],
  reported: ['2'],
  left: 0,
};
const atStorms = (...args: [taken: Readonly<Record<string, number>>, mostAtOnce?: number]) => ({
  receivers: [counts('storms', ...args), counts('refuses', {})],
});

test('nothing is wrong with what is right', () => expect(wrongWith(RIGHT)).toEqual([]));

test.each<[string, Partial<Outcome>]>([
  ['lost', atStorms({})],
  ['doubled', atStorms({ 'a@x.test': 2 })],
  ['at the wrong receiver', { receivers: [counts('storms', {}), counts('refuses', { 'a@x.test': 1 })] }],
  [
    'at a second receiver too',
    { receivers: [counts('storms', { 'a@x.test': 1 }), counts('defers', { 'a@x.test': 1 })] },
  ],
  [
    'delivered to a stranger',
    { receivers: [counts('storms', { 'a@x.test': 1 }), counts('refuses', { 'b@y.test': 1 })] },
  ],
  ['made up', atStorms({ 'a@x.test': 1, 'c@x.test': 1 })],
  ['crowded', atStorms({ 'a@x.test': 1 }, 9)],
  ['unfinished by its trace', { sent: [{ ...PLAIN, events: trace('queued') }, STRANGER] }],
  ['ended twice', { sent: [{ ...PLAIN, events: trace('queued', 'bounced', 'delivered') }, STRANGER] }],
  ['never reported', { reported: [] }],
  ['reported twice', { reported: ['2', '2'] }],
  ['left', { left: 1 }],
])('what is %s is told', (_, change) => expect(wrongWith({ ...RIGHT, ...change })).toHaveLength(1));
