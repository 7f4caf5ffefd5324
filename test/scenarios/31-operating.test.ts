/**
 * What an operator does when mail must stop, or does not go: suspend, resume, retry, bounce, reroute, through restarts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Done } from '#mta/mail/operation.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const scene = openScene();
let config: ConfigFolder;
let receiver: Receiver;
let fleet: Postfleet;

/** A second tenant beside `default`, with the same pool, and mail to the same site. */
const SHOP = `
apiVersion: postfleet.io/v1alpha1
kind: SendingDomain
metadata: { name: shop.example, namespace: shop }
spec:
  domain: shop.example
  poolRef: { name: main, namespace: default }
  dkim: { algorithms: [RSA2048] }
  verification: Skip
---
apiVersion: postfleet.io/v1alpha1
kind: SendingCredential
metadata: { name: app, namespace: shop }
spec:
  clusterRef: { name: local, namespace: default }
  scopes: [Submit]
`;

const WARM = `
apiVersion: postfleet.io/v1alpha1
kind: IPPool
metadata: { name: warm }
spec:
  clusterRef: { name: local }
  members: [{ name: two, address: 127.0.0.2, egress: Local }]
  health: { requireFCrDNS: Warn }
`;

beforeAll(async () => {
  const namespaces = { from: 'All' };
  config = await ConfigFolder.from(scene, 'bench', {
    MTACluster: { spec: { namespaces } },
    IPPool: { spec: { namespaces } },
  });
  config.write('6-shop.yaml', SHOP);
  config.write('7-warm.yaml', WARM);
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  fleet = await Postfleet.start(scene, config);
});

const send = (from: string, to = 'you@demo.test'): Promise<string> =>
  from.endsWith('@shop.example') ? sendAsShop(from, to) : submit(fleet.ports.submission, from, [to]);

async function sendAsShop(from: string, to: string): Promise<string> {
  const token = readFileSync(join(fleet.data, 'secrets', 'shop.app', 'token'), 'utf8').trim();
  const message = { from: { address: from }, to: [{ address: to }], subject: 'Hello', text: 'Hello.' };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const url = `http://127.0.0.1:${fleet.ports.api}/v1/messages`;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(message) });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

const taken = (from: string): number => receiver.taken.filter((it) => it.sender === from).length;
const done = async (...words: readonly string[]): Promise<Done> =>
  JSON.parse(await fleet.command(...words, '--json')) as Done;

test('mail of one tenant is held, also what comes later, while another goes to the same site', async () => {
  const held = ['--tenant', 'shop', '--domain', 'demo.test'];
  expect(await done('suspend', ...held, '--reason', 'a list went wrong', '--dry-run')).toMatchObject({ dryRun: true });
  await send('hello@shop.example');
  await until('nothing is held after a dry run', () => taken('hello@shop.example') === 1);

  const said = await fleet.command('suspend', ...held, '--reason', 'a list went wrong', '--for', '2h');
  expect(said).toMatch(/^holds 0 recipients in 0 lanes now, and what is to come: tenant shop, domain demo\.test\n/);
  await send('hello@shop.example');
  await send('hello@example.com');
  await until('the other tenant is not held', () => taken('hello@example.com') === 1);
  await send('hello@shop.example', 'you@other.test');
  await until('other mail of the tenant is not held', () => taken('hello@shop.example') === 2);
  await until('the queue says who holds it and why', async () =>
    /for suspended by \S+ until \S+: a list went wrong/.test(await fleet.command('queue')),
  );
});

test('it is held on after SIGKILL and a restart, and goes when it is resumed', async () => {
  await fleet.kill();
  fleet = await Postfleet.start(scene, config, { data: fleet.data });
  await send('hello@example.com');
  await send('hello@shop.example');
  await until('the other tenant is not held', () => taken('hello@example.com') === 2);
  expect(taken('hello@shop.example')).toBe(2);
  expect(await done('resume', '--tenant', 'shop')).toMatchObject({
    recipients: 2,
    suspensions: [{ why: 'a list went wrong' }],
  });
  await until('what was held goes', () => taken('hello@shop.example') === 4);
});

test('a suspension ends by itself', async () => {
  await done('suspend', '--site', `127.0.0.1:${config.ports.receiver}`, '--reason', 'a moment', '--for', '2s');
  await send('hello@example.com');
  expect(taken('hello@example.com')).toBe(2);
  await until('its time is over', () => taken('hello@example.com') === 3);
});

test('what waits is tried again at once, though its site rests', async () => {
  await receiver.close();
  const id = await send('hello@example.com', 'you@resting.test');
  expect(await fleet.event('deferred', id)).toMatchObject({ stage: 'connect' });
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  expect(await done('retry', '--domain', 'resting.test', '--dry-run')).toMatchObject({ recipients: 1 });
  const from = performance.now();
  expect(await fleet.command('retry', '--domain', 'resting.test')).toMatch(/^try now: 1 recipients in 1 lanes/);
  await fleet.event('delivered', id);
  // A rest is 15 seconds, and a second try of this mail is due in minutes.
  expect(performance.now() - from).toBeLessThan(10_000);
});

test('what waits leaves by another pool when it is rerouted', async () => {
  await done('suspend', '--domain', 'blocked.test', '--reason', 'our address is listed');
  const id = await send('hello@example.com', 'you@blocked.test');
  expect(await done('reroute', '--domain', 'blocked.test', '--to', 'default/warm')).toMatchObject({ recipients: 1 });
  await done('resume', '--domain', 'blocked.test');
  expect(await fleet.event('delivered', id)).toMatchObject({ source: '127.0.0.2' });
});

test('what waits is bounced with a reason, and its sender is told', async () => {
  await done('suspend', '--domain', 'wrong.test', '--reason', 'a wrong list');
  const id = await send('hello@example.com', 'you@wrong.test');
  expect(await done('bounce', '--message', id, '--reason', 'a wrong list', '--dry-run')).toMatchObject({
    recipients: 1,
  });
  expect(await done('bounce', '--message', id, '--reason', 'a wrong list')).toMatchObject({ recipients: 1 });
  const { reply } = await fleet.event('bounced', id);
  expect(reply).toMatch(/^554 5\.7\.0 bounced by \S+: a wrong list$/);
  const report = await until('the report', () => receiver.taken.find((it) => it.sender === ''));
  expect(report.raw.toString()).toMatch(/Final-Recipient: rfc822;\s*you@wrong\.test[^]*Status: 5\.7\.0/);
});

test('a recipient is explained: what would happen now, who holds it, what waits and what was said', async () => {
  await done('suspend', '--domain', 'held.test', '--reason', 'blocklisted');
  const id = await send('hello@example.com', 'you@held.test');
  const said = await fleet.command('explain', 'you@held.test', '--tenant', 'default');
  expect(said).toMatch(
    /^mail of default by default\/main to you@held\.test waits for: suspended by \S+ until resumed: blocklisted\n/,
  );
  expect(said).toContain(`hosts     127.0.0.1 [127.0.0.1]:${config.ports.receiver}`);
  expect(said).toContain('policies  default/receiver');
  expect(said).toContain('default/main/one [127.0.0.1]: can send');
  expect(said).toMatch(/limits    connections to site \S+: \d+ of 40/);
  expect(said).toContain(`waiting   ${id} next try`);
  expect(await fleet.command('queue', '--domain', 'held.test')).toMatch(
    /\n  1 +default +held\.test +\ds +now +suspended by \S+ until resumed: blocklisted/,
  );
  expect(await fleet.command('explain', 'you@free.test', '--tenant', 'shop')).toMatch(
    /would go now, from default\/main\/one\n[^]*waiting   nothing for this recipient/,
  );
  await expect(fleet.command('explain', 'nobody')).rejects.toThrow(/recipient: /);
  await done('resume', '--domain', 'held.test');
});

test('an address is suppressed for a tenant, and let go again', async () => {
  const subject = ['suppress', 'never@demo.test', '--tenant', 'default'];
  expect(await fleet.command(...subject, '--reason', 'complaint')).toMatch(
    /^suppressed: never@demo\.test \(complaint, by operator/,
  );
  await expect(send('hello@example.com', 'never@demo.test')).rejects.toThrow(/5\.7\.1/);
  expect(await fleet.command('suppress', '--list', '--tenant', 'default')).toContain('never@demo.test (complaint');
  expect(await fleet.command('explain', 'never@demo.test', '--tenant', 'default')).toContain('is refused: 550 5.7.1');
  await fleet.command(...subject, '--remove');
  await fleet.event('delivered', await send('hello@example.com', 'never@demo.test'));
});

test('a message is followed to its end, and what goes on is shown', async () => {
  const id = await send('hello@example.com');
  const lines = (await fleet.command('trace', id, '--follow')).trim().split('\n');
  expect(lines.map((it) => it.split(' ')[1])).toEqual(['queued', 'delivered']);
  const top = await fleet.command('top', '--count', '2');
  expect(top).toMatch(/accepted \d+ {2}delivered \d+/);
  expect(top).toMatch(/accepted \d+\.\d\/s {2}delivered \d+\.\d\/s/);
});

test('who did what is on record, and in the log', async () => {
  const audit = await fleet.command('audit');
  const lines = audit.trim().split('\n');
  expect(lines.filter((it) => / (bounce|retry|reroute)( begun)?: /.test(it))).toHaveLength(6);
  expect(lines.at(-2)).toMatch(/ resume: tenant shop, 2 recipients, [0-9a-z]{8}$/);
  expect(lines.at(-1)).toMatch(
    / suspend: tenant shop, domain demo\.test, 0 recipients, [0-9a-z]{8}, a list went wrong$/,
  );
  await until('the log has it', () => fleet.log().some((it) => it.msg === 'operation' && 'audit' in it));
});

test('what names nothing is refused', async () => {
  await expect(fleet.command('suspend', '--reason', 'x')).rejects.toThrow(/nothing is named/);
  await expect(fleet.command('suspend', '--all', '--reason', 'x', '--for', 'soon')).rejects.toThrow(
    /such as 30m or 2h/,
  );
  await expect(fleet.command('resume', 'nosuchid')).rejects.toThrow(/there is no suspension nosuchid/);
});
