import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { DomainStatus } from '#lib/domain/status.ts';
import { openHttp } from '#lib/http/server.ts';
import { domainRoutes } from './admin-domains.ts';
import { publishAdminUrl, tokenFile } from './admin-client.ts';
import { domainCommand, type DomainFlags } from './domain.ts';

const STATUS: DomainStatus = {
  resource: 'default/example.com',
  domain: 'example.com',
  standing: 'unverified',
  checkedAt: Date.UTC(2026, 0, 1),
  conditions: [
    { type: 'Ready', status: 'False', reason: 'Differs', message: 'x' },
    { type: 'SPFReady', status: 'True', reason: 'Present', message: '' },
    { type: 'DKIMReady', status: 'False', reason: 'Differs', message: 'TXT s._domainkey.example.com: p= is cut off' },
  ],
  records: [
    {
      purpose: 'DKIM',
      type: 'TXT',
      name: 's._domainkey.example.com',
      expected: ['v=DKIM1; p=AAAA'],
      found: ['v=DKIM1; p=A\u001b[2J', 'hello'],
      difference: 'p= is cut off',
      state: 'Differs',
    },
    {
      purpose: 'SPF',
      type: 'TXT',
      name: 'bounce.example.com',
      expected: ['v=spf1 -all'],
      found: ['v=spf1 -all'],
      difference: '',
      state: 'Present',
    },
  ],
};

async function run(name: string, flags: Partial<DomainFlags> = {}): Promise<{ printed: string; asked: string[] }> {
  const data = mkdtempSync(join(tmpdir(), 'postfleet-domain-'));
  const asked: string[] = [];
  const routes = domainRoutes(async (domain, now) => {
    asked.push(`${domain} ${now}`);
    return domain === 'example.com' ? STATUS : undefined;
  });
  const server = await openHttp({
    name: 'admin',
    setting: '--admin',
    host: '127.0.0.1',
    port: 0,
    token: async () => 't',
    routes,
  });
  onTestFinished(async () => {
    await server.close();
    rmSync(data, { recursive: true });
  });
  await publishAdminUrl(data, server.url);
  writeFileSync(tokenFile(data), 't\n');
  const printed: string[] = [];
  await domainCommand(name, { data, ...flags }, (text) => printed.push(text));
  return { printed: printed.join('\n'), asked };
}

test('a domain is told record by record, with what to change, and nothing of it steers a terminal', async () => {
  const { printed, asked } = await run('Example.com');
  expect(asked).toEqual(['example.com false']);
  expect(printed).toBe(
    [
      'example.com is not verified and may not send: publish a DKIM record; DNS was asked at 2026-01-01T00:00:00.000Z',
      '  DKIMReady False: TXT s._domainkey.example.com: p= is cut off',
      '',
      'Differs  DKIM        TXT  s._domainkey.example.com',
      '  expected  v=DKIM1; p=AAAA',
      '  found     v=DKIM1; p=A\u{fffd}[2J',
      '            hello',
      '  change    p= is cut off',
      '',
      'Present  SPF         TXT  bounce.example.com',
      '  expected  v=spf1 -all',
    ].join('\n'),
  );
});

test('DNS is asked now when somebody says so', async () => {
  expect((await run('example.com', { check: true })).asked).toEqual(['example.com true']);
});

test('a domain is JSON for programs', async () => {
  expect(JSON.parse((await run('example.com', { json: true })).printed)).toEqual(STATUS);
});

test('a domain that nobody declared is refused', async () => {
  await expect(run('other.test')).rejects.toMatchObject({
    code: 'refused',
    message: 'no SendingDomain has the domain other.test',
  });
});
