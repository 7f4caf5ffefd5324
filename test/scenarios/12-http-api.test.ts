/**
 * The HTTP API as programs of others use it: a client generated from its own document, over TLS, with a certificate that
 * is checked.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#lib/run/clock.ts';
import { cancelMessage, defaults, type Message, showMessage, submitMessage } from '../client/generated.ts';
import { ConfigFolder } from '../harness/config.ts';
import { freePorts } from '../harness/ports.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { openScene } from '../harness/scene.ts';
import { plainMessage, SmtpClient } from '../harness/smtp-client.ts';

const scene = openScene();
let mta: Postfleet;
let httpsPort: number;
let token: string;

beforeAll(async () => {
  const scopes = { spec: { scopes: ['Submit', 'Events'], networks: ['127.0.0.0/8'] } };
  const config = await ConfigFolder.from(scene, 'standalone', { SendingCredential: scopes });
  const [port = 0] = await freePorts(1);
  httpsPort = port;
  const { submission, api } = config.ports;
  const on = (name: string, protocol: string, at: number): object => ({
    name,
    protocol,
    address: '127.0.0.1',
    port: at,
  });
  const listeners = [on('submission', 'SMTP', submission), on('api', 'HTTP', api), on('secure', 'HTTPS', httpsPort)];
  config.change('MTACluster', { spec: { ingress: { listeners, limits: { connectionsPerAddress: 2000 } } } });
  mta = await Postfleet.start(scene, config);
  token = readFileSync(join(mta.data, 'secrets', mta.username, 'token'), 'utf8').trim();
  defaults.baseUrl = `http://127.0.0.1:${api}`;
  defaults.headers = { authorization: `Bearer ${token}` };
});

const MESSAGE: Message = {
  from: { address: 'hello@example.com' },
  to: [{ address: 'you@demo.test' }],
  subject: 'By a generated client',
  text: 'It works.',
};
const inOneHour = (): string => new Date(systemClock.now() + 3_600_000).toISOString();

/** The id of an accepted message; throws the refusal. */
async function submitted(over: Partial<Message> = {}, idempotencyKey?: string): Promise<string> {
  const answer = await submitMessage(
    { ...MESSAGE, ...over },
    { ...(idempotencyKey !== undefined && { idempotencyKey }) },
  );
  if (answer.status !== 202) throw new Error(JSON.stringify(answer));
  return answer.data.id;
}

describe('a client generated from the OpenAPI document', () => {
  test('sends a message that arrives, and is told so', async () => {
    const id = await submitted();
    await mta.event('delivered', id);
    const shown = await showMessage(id);
    expect(shown).toMatchObject({
      status: 200,
      data: { recipients: [{ address: 'you@demo.test', state: 'delivered' }], events: [{ type: 'queued' }, {}] },
    });
  });

  test('is told what is wrong with a message', async () => {
    const answer = await submitMessage({ ...MESSAGE, to: [{ address: 'nobody' }] });
    expect(answer).toMatchObject({ status: 422, data: { errors: [{ pointer: '/to/0/address' }] } });
  });

  test('cancels a message that was for later: it is never sent, and `postfleet trace` tells of it', async () => {
    const sendAt = inOneHour();
    const id = await submitted({ sendAt });
    expect(await showMessage(id)).toMatchObject({ data: { sendAt, recipients: [{ state: 'queued' }] } });
    expect(await cancelMessage(id)).toMatchObject({ status: 200, data: { recipients: [{ result: 'cancelled' }] } });
    expect((await mta.trace(id)).events.map((it) => it.type)).toEqual(['queued', 'cancelled']);
    expect(await mta.metric('postfleet_cancelled_total')).toBe(1);
  });

  test('is too late to cancel what was delivered', async () => {
    const id = await submitted();
    await mta.event('delivered', id);
    expect(await cancelMessage(id)).toMatchObject({ status: 409 });
  });

  test('B07 is accepted exactly once of a thousand times at once under one key', async () => {
    const ids = await Promise.all(Array.from({ length: 1000 }, () => submitted({}, 'one-of-a-thousand')));
    expect(new Set(ids)).toHaveLength(1);
    const [id = ''] = ids;
    await mta.event('delivered', id);
    expect(mta.events().filter((it) => it.message === id && it.type === 'queued')).toHaveLength(1);
    expect(await submitMessage({ ...MESSAGE, text: 'other' }, { idempotencyKey: 'one-of-a-thousand' })).toMatchObject({
      status: 409,
    });
  });
});

describe('a message that is put off', () => {
  test('is sent when its time has come, and not before', async () => {
    const sendAt = systemClock.now() + 3000;
    const id = await submitted({ sendAt: new Date(sendAt).toISOString() });
    const { at } = await mta.event('delivered', id);
    expect(at).toBeGreaterThanOrEqual(sendAt);
    expect(at).toBeLessThan(sendAt + 30_000);
  });

  test('waits through a restart', async () => {
    const sendAt = systemClock.now() + 8000;
    const id = await submitted({ sendAt: new Date(sendAt).toISOString() });
    await mta.kill();
    mta = await Postfleet.start(scene, mta.config, { data: mta.data });
    const { at } = await mta.event('delivered', id);
    expect(at).toBeGreaterThanOrEqual(sendAt);
  });

  test('says so in its header by SMTP, and nothing of that is sent', async () => {
    const client = await SmtpClient.open(mta.ports.submission);
    const content = plainMessage('hello@example.com', 'you@demo.test');
    const said =
      'X-Postfleet-Tags: by-smtp\r\nX-Postfleet-Metadata: {"order":"4711"}\r\nX-Postfleet-Idempotency-Key: k\r\n';
    const first = await client.send('hello@example.com', ['you@demo.test'], said + content);
    expect(await client.send('hello@example.com', ['you@demo.test'], said + content)).toBe(first);
    const refused = await client.send('hello@example.com', ['you@demo.test'], `X-Postfleet-Tag: x\r\n${content}`);
    expect(refused).toMatch(/^550 5\.6\.0 x-postfleet-tag is not a known field; did you mean x-postfleet-tags\?/);
    client.close();
    const id = first.split(' ').at(-1) ?? '';
    const { reply } = await mta.event('delivered', id);
    const [, file = ''] = /received as (\S+)/.exec(reply) ?? [];
    expect(readFileSync(join(mta.data, 'received', `${file}.eml`), 'utf8').toLowerCase()).not.toContain('x-postfleet');
    const { events } = await mta.trace(id);
    expect(events.map((it) => it.type)).toEqual(['queued', 'delivered']);
    expect(events[0]?.labels).toEqual({ tags: ['by-smtp'], metadata: { order: '4711' } });
  });
});

describe('a listener with protocol HTTPS', () => {
  const ca = (): string => join(mta.data, 'tls/tls.crt');

  test('takes mail from curl, which checks its certificate', async () => {
    const flags = [
      '-sS',
      '--cacert',
      ca(),
      '-H',
      `Authorization: Bearer ${token}`,
      '-H',
      'Content-Type: application/json',
    ];
    const url = `https://127.0.0.1:${httpsPort}/v1/messages`;
    const { stdout } = await promisify(execFile)('curl', [...flags, '-d', JSON.stringify(MESSAGE), url]);
    const { id } = JSON.parse(stdout) as { id: string };
    const { reply } = await mta.event('delivered', id);
    const [, file = ''] = /received as (\S+)/.exec(reply) ?? [];
    expect(readFileSync(join(mta.data, 'received', `${file}.eml`), 'utf8')).toMatch(
      /\(TLSv1\.[23] \S+\)\r\n.* with HTTPS id/,
    );
  });

  test('speaks nothing older than TLS 1.2, and nothing in clear', async () => {
    const { code } = await new Promise<{ code?: string }>((resolve) => {
      const old = { host: '127.0.0.1', port: httpsPort, ca: readFileSync(ca()), maxVersion: 'TLSv1.1' as const };
      request({ ...old, ciphers: 'DEFAULT@SECLEVEL=0' }, () => resolve({}))
        .on('error', resolve)
        .end();
    });
    expect(code).toMatch(/SSL|ECONNRESET/);
    await expect(fetch(`http://127.0.0.1:${httpsPort}/v1/openapi.json`)).rejects.toThrow('fetch failed');
  });
});
