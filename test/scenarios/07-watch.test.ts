/**
 * What monitoring and operators ask: metrics that stay few however many destinations there are, health, the admin API.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { shell } from '../harness/shell.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const DOMAINS = 200;

const scene = openScene();
let fleet: Postfleet;

/** One session, one message to each domain. `whom`: new people each time, because who is unknown is suppressed. */
async function sendToAll(whom: string): Promise<void> {
  const client = await SmtpClient.open(fleet.ports.submission);
  for (let at = 0; at < DOMAINS; at += 1) {
    const to = `someone${at}.${whom}@domain${at}.test`;
    expect(await client.send('hello@example.com', [to], plainMessage('hello@example.com', to))).toMatch(/^250 /);
  }
  client.close();
}

const series = (page: string): string[] => page.split('\n').filter((it) => it !== '' && !it.startsWith('#'));
const get = (url: string, token?: string): Promise<Response> =>
  fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench');
  scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      rcpt: (address) => (address.startsWith('someone7') ? '550 5.1.1 no such user' : '250 2.1.5 ok'),
    }),
  );
  fleet = await Postfleet.start(scene, config);
});

/** Without the library's own: those come and go with kinds of collection, and of what keeps the event loop busy. */
const ours = (page: string): string[] => series(page).filter((it) => it.startsWith('postfleet_'));

test('metrics stay as few after mail to many domains as before, and name none of them', async () => {
  await sendToAll('first');
  await until('all are tried', async () => (await fleet.metric('postfleet_queue_depth')) === 0);
  const first = ours(await fleet.metricsPage());
  await sendToAll('second');
  await until('all are tried', async () => (await fleet.metric('postfleet_queue_depth')) === 0);
  const page = await fleet.metricsPage();
  expect(ours(page)).toHaveLength(first.length);
  expect(series(page).length).toBeLessThan(250);
  expect(page).not.toMatch(/\.test\b|@|example\.com|someone/);
});

test('metrics count what happened', async () => {
  const bounced = 2 * Array.from({ length: DOMAINS }, (_, at) => String(at)).filter((it) => it.startsWith('7')).length;
  expect(await fleet.metric('postfleet_accepted_total')).toBe(2 * DOMAINS);
  expect(await fleet.metric('postfleet_attempts_total', 'outcome="bounced"')).toBe(bounced);
  // Each bounce is reported, and the report is delivered.
  expect(await fleet.metric('postfleet_attempts_total', 'outcome="delivered"')).toBe(2 * DOMAINS);
  expect(await fleet.metric('postfleet_provider_attempts_total', 'provider="other",outcome="bounced"')).toBe(bounced);
  expect(await fleet.metric('postfleet_accept_seconds_count', 'via="smtp"')).toBe(2 * DOMAINS);
  expect(await fleet.metric('postfleet_commit_seconds_count')).toBeGreaterThan(0);
  expect(await fleet.metric('postfleet_connect_seconds_count', 'stage="greet"')).toBeGreaterThan(0);
  expect(await fleet.metric('postfleet_queue_oldest_due_seconds')).toBe(0);
});

test('the page is one that Prometheus reads', async () => {
  const response = await get(`${fleet.metricsUrl}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  for (const line of series(await response.text())) {
    expect(line).toMatch(/^[a-z_][a-z0-9_]*(?:\{(?:[a-z_]+="[^"\n]*",?)+\})? (?:[-+0-9.e]+|Nan|[+-]Inf)$/i);
  }
});

// The collector's own names are not ours to choose.
test('promtool finds nothing wrong with our metrics, nor with the alerts that come with them', async () => {
  const page = await fleet.metricsPage();
  const own = page.split('\n').filter((it) => /^(# \w+ )?postfleet_/.test(it));
  const file = join(scene.folder('promtool'), 'own.prom');
  writeFileSync(file, `${own.join('\n')}\n`);
  expect(await shell(scene, `promtool check metrics < ${file}`)).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await shell(scene, 'promtool check rules docs/reference/alerts.yaml')).toMatchObject({ code: 0, stderr: '' });
});

test('it says that it is alive and ready', async () => {
  expect((await get(`${fleet.metricsUrl}/healthz`)).status).toBe(200);
  const ready = await get(`${fleet.metricsUrl}/readyz`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ ready: true });
});

test.each(['/v1/queue', '/v1/messages/x', '/', '/nothing'])(
  'the admin API gives %s to nobody without the token',
  async (path) => {
    for (const token of [undefined, '', 'wrong']) {
      const answer = await get(`${fleet.adminUrl}${path}`, token);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
  },
);

test('the admin API answers who has the token', async () => {
  const token = readFileSync(join(fleet.data, 'admin-token'), 'utf8').trim();
  expect(await (await get(`${fleet.adminUrl}/v1/queue`, token)).json()).toMatchObject({ rows: [], recipients: 0 });
  expect((await get(`${fleet.adminUrl}/v1/messages/unknown`, token)).status).toBe(404);
  expect((await get(`${fleet.adminUrl}/nothing`, token)).status).toBe(404);
});

test('no log line holds a secret', async () => {
  await fleet.stop();
  const told = fleet.program.stdout + fleet.program.stderr;
  const token = readFileSync(join(fleet.data, 'admin-token'), 'utf8').trim();
  expect(told).not.toContain(fleet.password);
  expect(told).not.toContain(token);
  expect(told).not.toContain('PRIVATE KEY');
});
