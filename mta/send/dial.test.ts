import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { reply } from '../mail/reply.ts';
import type { ConnectFailure } from './connect.ts';
import { dial, dialFor, mostTelling } from './dial.ts';
import { FakePeer } from './fake-peer.ts';
import type { ConnectStage } from './greet.ts';
import { Lacks } from './lacks.ts';
import { defaultTimeouts } from './timeouts.ts';
import { clientContext } from './tls.ts';

const setup = {
  clock: systemClock,
  timeouts: defaultTimeouts,
  context: clientContext([]),
  lacks: new Lacks(systemClock),
};
const approach = {
  source: { address: '', ehloName: 'out.example.com' },
  tls: 'None',
  tlsMinVersion: 'TLSv1.2',
  allowPrivate: [],
} as const;

const peers: FakePeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** A target whose peer opens with `banner` and greets. */
async function targetOf(host: string, banner: string, offers = '250 mx') {
  const peer = await FakePeer.start(async (client) => {
    client.say(banner);
    if ((await client.line()).startsWith('EHLO')) client.say(...offers.split('|'));
    await client.closed();
  });
  peers.push(peer);
  return { host, address: '127.0.0.1', port: peer.port, named: true } as const;
}

describe('dialling for SMTPUTF8', () => {
  const OFFERS = '250-mx|250 SMTPUTF8';
  const connections = () => peers.map((it) => it.clients.length);
  const start = () => ({ ...setup, lacks: new Lacks(systemClock) });

  test('leaves hosts that do not offer it, and does not ask them again', async () => {
    const targets = [
      await targetOf('a', '220 hi'),
      await targetOf('b', '554 no'),
      await targetOf('c', '220 hi', OFFERS),
    ];
    const fresh = start();
    for (const times of [1, 2]) {
      const dialled = await dialFor('SMTPUTF8', targets, approach, fresh);
      expect(dialled).toMatchObject({ kind: 'session', failures: [{ target: { host: 'b' } }] });
      expect(connections()).toEqual([1, times, times]);
      if (dialled.kind === 'session') await dialled.session.quit();
    }
  });

  test('says that none offers it only when all have said what they offer', async () => {
    const targets = [await targetOf('a', '220 hi'), await targetOf('b', '220 hi')];
    const fresh = start();
    const first = await dial(targets, approach, fresh);
    if (first.kind === 'session') await first.session.quit();
    for (const _ of [1, 2]) expect(await dialFor('SMTPUTF8', targets, approach, fresh)).toEqual({ kind: 'unoffered' });
    expect(connections()).toEqual([1, 1]);
    const more = [...targets, await targetOf('c', '421 4.3.2 busy')];
    const silent = await dialFor('SMTPUTF8', more, approach, fresh);
    expect(silent).toMatchObject({ kind: 'unreachable', report: { target: { host: 'c' } } });
  });
});

describe('dialling', () => {
  test('takes the first target that greets, and tells of those before', async () => {
    const targets = [await targetOf('a', '554 no'), await targetOf('b', '220 hi'), await targetOf('c', '220 hi')];
    const dialled = await dial(targets, approach, setup);
    expect(dialled).toMatchObject({ kind: 'session', failures: [{ target: { host: 'a' }, reply: { code: 554 } }] });
    expect(dialled.kind === 'session' && dialled.session.host).toMatch(/^b /);
    expect(peers[2]?.clients).toEqual([]);
    if (dialled.kind === 'session') await dialled.session.quit();
  });

  test('reports one failure when all fail', async () => {
    const targets = [
      await targetOf('a', '554 no'),
      await targetOf('b', '421 4.3.2 busy'),
      await targetOf('c', '554 no'),
    ];
    const dialled = await dial(targets, approach, setup);
    expect(dialled).toMatchObject({ kind: 'unreachable', report: { target: { host: 'b' } } });
    expect(dialled.failures).toHaveLength(3);
  });

  test('C01: never connects to a private address DNS came up with', async () => {
    const { named: _, ...target } = await targetOf('a', '220 hi');
    const dialled = await dial([target], approach, setup);
    expect(dialled).toMatchObject({
      kind: 'unreachable',
      report: { own: true, reply: { code: 550, enhanced: '5.4.4' } },
    });
    expect(peers[0]?.clients).toEqual([]);
  });
});

describe('the failure to tell', () => {
  const failure = (host: string, stage: ConnectStage, code: number, own = false): ConnectFailure => ({
    stage,
    own,
    reply: reply(code, '', 'text'),
    target: { host, address: '192.0.2.1', port: 25 },
  });
  test.each<[string, ConnectFailure[], string]>([
    ['the only one', [failure('a', 'connect', 451, true)], 'a'],
    ['the first of equals', [failure('a', 'connect', 451, true), failure('b', 'connect', 451, true)], 'a'],
    ['the peer’s words before ours', [failure('a', 'tls', 451, true), failure('b', 'banner', 421)], 'b'],
    ['who got farthest', [failure('a', 'connect', 451, true), failure('b', 'tls', 451, true)], 'b'],
    ['the source’s fault last', [failure('a', 'bind', 451, true), failure('b', 'connect', 451, true)], 'b'],
    ['a refusal only when all refuse', [failure('a', 'banner', 554), failure('b', 'connect', 451, true)], 'b'],
    ['a refusal when all refuse', [failure('a', 'banner', 554), failure('b', 'banner', 550)], 'a'],
    [
      'a refused address does not decide',
      [failure('a', 'connect', 550, true), failure('b', 'connect', 451, true)],
      'b',
    ],
  ])('is %s', (_, failures, host) => expect(mostTelling(failures).target.host).toBe(host));

  test('needs a target', () => expect(() => mostTelling([])).toThrow('needs a target'));
});
