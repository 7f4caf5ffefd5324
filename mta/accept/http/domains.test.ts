import { describe, expect, test } from 'vitest';
import { ask, openTestApi, PROBLEM } from '../../../test/harness/api.ts';

const open = openTestApi();

describe('a domain', () => {
  test('is told to a credential that may send as it, in any case of letters', async () => {
    const { status, said } = await ask(await open(), '/v1/domains/Example.com', { method: 'GET' });
    expect(status).toBe(200);
    expect(said).toMatchObject({ domain: 'example.com', standing: 'verified', records: [] });
  });

  test.each([
    ['of another tenant', 'shop.example', 'default.app'],
    ['to another tenant', 'example.com', 'shop.other'],
    ['that nobody declared', 'nobody.example', 'default.app'],
    ['that is no name', '%00', 'default.app'],
  ])('is unknown: %s', async (_, name, user) => {
    const opened = await open();
    const { status, type, said } = await ask(opened, `/v1/domains/${name}`, { method: 'GET', user });
    expect([status, type]).toEqual([404, PROBLEM]);
    expect(said['detail']).toBe('this credential has no SendingDomain of that name');
  });

  test.each([
    ['without a right secret', { secret: 'wrong' }, 401],
    ['with a credential that is suspended', { user: 'default.stopped' }, 403],
  ])('is told to nobody %s', async (_, asking, want) => {
    const { status } = await ask(await open(), '/v1/domains/example.com', { method: 'GET', ...asking });
    expect(status).toBe(want);
  });
});
