import { describe, expect, onTestFinished, test } from 'vitest';
import { until } from '../../test/harness/until.ts';
import type { HttpDoors } from './door.ts';
import { json, openHttp } from './server.ts';

describe('what a server shares with others', () => {
  const room = (most: number) => {
    const held: number[] = [];
    return {
      held,
      resize: (bytes: number) => (bytes <= most ? held.push(bytes) > 0 : false),
      release: () => void held.push(0),
    };
  };
  const open = async (most: number, doors?: HttpDoors) => {
    const body = room(most);
    const whileHandled: number[] = [];
    const server = await openHttp({
      name: 'test',
      setting: 'x',
      host: '127.0.0.1',
      port: 0,
      ...(doors && { doors }),
      routes: [
        {
          method: 'POST',
          path: '/',
          room: () => body,
          handle: async () => {
            whileHandled.push(body.held.at(-1) ?? 0);
            return json({});
          },
        },
      ],
    });
    onTestFinished(() => server.close());
    return { url: server.url, body, whileHandled };
  };

  test('a body is counted twice until it is answered', async () => {
    const { url, body, whileHandled } = await open(100);
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(50) })).status).toBe(200);
    expect([whileHandled, body.held.at(-1)]).toEqual([[100], 0]);
  });

  test('a body there is no room for is told to come again, and holds nothing', async () => {
    const { url, body } = await open(99);
    const answer = await fetch(url, { method: 'POST', body: 'x'.repeat(50) });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '30']);
    expect(body.held.at(-1)).toBe(0);
  });

  test('who is one too many is told 503, and leaves when the connection does', async () => {
    const inside: string[] = [];
    const doors = {
      enter: (address: string) => (inside.push(address) > 1 ? 'too-many-connections' : undefined),
      leave: (address: string) => void inside.splice(inside.indexOf(address), 1),
    };
    const { url } = await open(100, doors);
    const first = await fetch(url, { method: 'POST', body: 'x', headers: { connection: 'close' } });
    expect(first.status).toBe(200);
    await until('it has left', () => inside.length === 0);
    inside.push('somebody');
    const second = await fetch(url, { method: 'POST', body: 'x' });
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '30']);
  });
});
