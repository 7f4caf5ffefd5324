/**
 * Whom mail must not reach, with a real server: kept by HTTP as the README says, refused by SMTP, ended where it waits.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { type Received, Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { shell } from '../harness/shell.ts';
import { SmtpClient, submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let fleet: Postfleet;
let receiver: Receiver;

beforeAll(async () => {
  const config = await ConfigFolder.from(scene, 'bench', {
    DestinationPolicy: { spec: { retry: { firstSeconds: 2, factor: 1, maxSeconds: 2 } } },
  });
  receiver = scene.adopt(
    await Receiver.listen(config.ports.receiver, {
      rcpt: (address) => (address.startsWith('later') ? '451 4.7.1 try again later' : '250 2.1.5 ok'),
    }),
  );
  fleet = await Postfleet.start(scene, config);
});

/** The lines of the README, at this server and in a folder of their own. */
function readmeLines(): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, lines = ''] = /^## Suppressions[^]*?```sh\n([^]*?)```/m.exec(readme) ?? [];
  return lines
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${fleet.ports.api}`)
    .replaceAll('.data/standalone', fleet.data)
    .replaceAll('curl ', 'curl --fail-with-body --silent --show-error ');
}

const suppress = (subject: string, method = 'PUT'): Promise<Response> => {
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`http://127.0.0.1:${fleet.ports.api}/v1/suppressions/${subject}`, { method, headers });
};

async function rcpt(...recipients: readonly string[]): Promise<string[]> {
  const client = await SmtpClient.open(fleet.ports.submission);
  await client.say('MAIL FROM:<hello@example.com>');
  const said: string[] = [];
  for (const recipient of recipients) said.push(await client.say(`RCPT TO:<${recipient}>`));
  client.close();
  return said;
}

test('the lines of the README keep a list, and say what it holds', async () => {
  const { code, stdout, stderr } = await shell(scene, `set -e\n${readmeLines()}`, scene.folder('readme'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('"reason": "unsubscribe"');
  expect(stdout).toContain('"count": 2');
  expect(stdout).toMatch(/^ann@demo\.test,,unsubscribe,api,.*,2099-12-31T00:00:00\.000Z\r$/m);
  expect(stdout).toMatch(/^,gone\.test,manual,import,.*,\r$/m);
});

test('B10 RCPT refuses who is on it, in any form, and takes the others', async () => {
  const date = new Date().toISOString().slice(0, 10);
  expect(await rcpt('bob@demo.test', 'BOB@demo.test', '"bob"@DEMO.test', 'ann@demo.test', 'x@gone.test')).toEqual([
    `550 5.7.1 <bob@demo.test> is suppressed (complaint, since ${date})`,
    `550 5.7.1 <bob@demo.test> is suppressed (complaint, since ${date})`,
    `550 5.7.1 <bob@demo.test> is suppressed (complaint, since ${date})`,
    '250 2.1.5 Recipient OK',
    `550 5.7.1 <gone.test> is suppressed (manual, since ${date})`,
  ]);
});

test('who is suppressed while mail for them waits gets none of it, without a connection, and the sender a report', async () => {
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['later@waiting.test']);
  await fleet.event('deferred', id);
  expect((await suppress('later@waiting.test')).status).toBe(200);
  const connections = receiver.commands.filter((it) => it.includes('later@waiting.test')).length;
  const bounced = await fleet.event('bounced', id);
  expect(bounced.reply).toMatch(/^550 5\.7\.1 <later@waiting\.test> is suppressed \(manual, since /);
  expect(bounced).not.toHaveProperty('host');
  expect(receiver.commands.filter((it) => it.includes('later@waiting.test'))).toHaveLength(connections);
  await until('the report', () => receiver.taken.find((it) => it.raw.includes(`X-Postfleet-Message-Id: ${id}`)));
});

test('reports reach a sender who is on the list', async () => {
  await suppress('hello@example.com');
  const id = await submit(fleet.ports.submission, 'hello@example.com', ['later@else.test']);
  await fleet.event('deferred', id);
  await suppress('later@else.test');
  const report = (): Received | undefined =>
    receiver.taken.find((it) => it.raw.includes(`X-Postfleet-Message-Id: ${id}`));
  expect((await until('the report', report)).recipients).toEqual(['hello@example.com']);
});

test('the list outlives a kill the moment after it was answered for', async () => {
  expect((await suppress('last@demo.test')).status).toBe(200);
  await fleet.kill();
  fleet = await Postfleet.start(scene, fleet.config, { data: fleet.data });
  expect((await rcpt('last@demo.test', 'bob@demo.test')).map((it) => it.slice(0, 9))).toEqual([
    '550 5.7.1',
    '550 5.7.1',
  ]);
  expect((await suppress('last@demo.test', 'DELETE')).status).toBe(200);
  expect((await rcpt('last@demo.test'))[0]).toMatch(/^250/);
});
