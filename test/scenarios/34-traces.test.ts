/**
 * One trace a message, from who handed it in to the receiver, over a kill too; told to a collector that may be gone.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CollectedSpan, Collector } from '../harness/collector.ts';
import { ConfigFolder } from '../harness/config.ts';
import { Postfleet } from '../harness/postfleet.ts';
import { Receiver } from '../harness/receiver.ts';
import { openScene } from '../harness/scene.ts';
import { submit } from '../harness/smtp-client.ts';
import { until } from '../harness/until.ts';

const SPAN = '00f067aa0ba902b7';
let count = 0;
/** A trace of its own for each message. */
function newTrace(): { readonly trace: string; readonly traceparent: string } {
  const trace = `4bf92f3577b34da6a3ce929d${(count += 1).toString(16).padStart(8, '0')}`;
  return { trace, traceparent: `00-${trace}-${SPAN}-01` };
}

const scene = openScene();
let config: ConfigFolder;
let collector: Collector;
let receiver: Receiver;
let fleet: Postfleet;

const start = (options: Parameters<typeof Postfleet.start>[2] = {}): Promise<Postfleet> =>
  Postfleet.start(scene, config, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, ...options });

beforeAll(async () => {
  config = await ConfigFolder.from(scene, 'bench');
  collector = scene.adopt(await Collector.listen());
  receiver = scene.adopt(await Receiver.listen(config.ports.receiver));
  fleet = await start();
});

const headersOf = (more: Readonly<Record<string, string>>): Record<string, string> => {
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...more };
};

function ask(headers: Readonly<Record<string, string>>, more: object): Promise<Response> {
  const mail = {
    from: { address: 'hello@example.com' },
    to: [{ address: 'ann@secret.test' }],
    subject: 'Whisper',
    text: 'Hi',
  };
  const body = JSON.stringify({ ...mail, ...more });
  const request = { method: 'POST', headers: headersOf(headers), body };
  return fetch(`http://127.0.0.1:${config.ports.api}/v1/messages`, request);
}

async function byHttp(headers: Readonly<Record<string, string>>, more: object = {}): Promise<string> {
  const response = await ask(headers, more);
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

const spanNamed = (trace: string, name: string): Promise<CollectedSpan> =>
  until(`span ${name}`, () => collector.of(trace).find((it) => it.name === name));

describe('a message handed in by HTTP as part of a trace', () => {
  const { trace, traceparent } = newTrace();
  let id: string;

  beforeAll(async () => {
    id = await byHttp({ traceparent, tracestate: 'rojo=1' });
  });

  test('is accepted under the span of the request, tried under ours, and every step under its attempt', async () => {
    const accept = await spanNamed(trace, 'accept');
    const attempt = await spanNamed(trace, 'attempt');
    expect(accept).toMatchObject({ parentSpanId: SPAN, traceState: 'rojo=1', failed: false });
    expect(attempt).toMatchObject({ parentSpanId: accept.spanId, failed: false });
    expect((await spanNamed(trace, 'wait')).parentSpanId).toBe(accept.spanId);
    for (const name of ['resolve', 'connect', 'greet', 'transaction', 'settle'])
      expect([name, (await spanNamed(trace, name)).parentSpanId]).toEqual([name, attempt.spanId]);
    expect(accept.attributes).toMatchObject({
      'messaging.message.id': id,
      'postfleet.tenant': 'default',
      'postfleet.via': 'http',
    });
    expect(attempt.attributes).toMatchObject({
      'messaging.message.id': id,
      'postfleet.outcome': 'delivered',
      'server.address': '127.0.0.1',
    });
  });

  test('says so in each of its events', async () => {
    await fleet.event('delivered', id);
    const accept = await spanNamed(trace, 'accept');
    const response = await fetch(`http://127.0.0.1:${config.ports.api}/v1/messages/${id}`, { headers: headersOf({}) });
    const { events } = (await response.json()) as { events: { type: string; traceparent?: string }[] };
    expect(events.map((it) => [it.type, it.traceparent])).toEqual([
      ['queued', `00-${trace}-${accept.spanId}-01`],
      ['delivered', `00-${trace}-${accept.spanId}-01`],
    ]);
  });
});

test('by SMTP the trace stands in the header, and is not sent on', async () => {
  const { trace, traceparent } = newTrace();
  const content = `X-Postfleet-Traceparent: ${traceparent}\r\nFrom: <hello@example.com>\r\nSubject: Whisper\r\n\r\nHello.\r\n`;
  const id = await submit(config.ports.submission, 'hello@example.com', ['ann@secret.test'], content);
  await fleet.event('delivered', id);
  expect((await spanNamed(trace, 'accept')).parentSpanId).toBe(SPAN);
  expect((await spanNamed(trace, 'attempt')).attributes).toMatchObject({ 'messaging.message.id': id });
  expect(receiver.taken.at(-1)?.raw.toString().toLowerCase()).not.toContain('traceparent');
});

test('a trace that is not valid is as if it were not there; one that is not kept is told of to nobody', async () => {
  const { trace, traceparent } = newTrace();
  const invalid = await byHttp({ traceparent: `${traceparent}-more` });
  const notKept = await byHttp({ traceparent: `${traceparent.slice(0, -2)}00` });
  expect((await fleet.event('delivered', invalid)).traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect((await fleet.event('delivered', notKept)).traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`));
  await until('the first is told', () =>
    collector.spans.some((it) => it.attributes['messaging.message.id'] === invalid),
  );
  expect(collector.of(trace)).toEqual([]);
});

test('a refusal is a span that failed, and says which check refused', async () => {
  const { trace, traceparent } = newTrace();
  await byHttp({ 'idempotency-key': 'once' });
  const said = await ask({ 'idempotency-key': 'once', traceparent }, { text: 'another' });
  expect(said.status).toBe(409);
  expect(await spanNamed(trace, 'accept')).toMatchObject({ failed: true, attributes: { 'error.type': 'repeat' } });
});

test('spans hold no address, no subject and no text', async () => {
  expect(collector.spans.length).toBeGreaterThan(10);
  expect(collector.text).not.toMatch(/@(?!opentelemetry)|Whisper|Hello|secret\.test|ann/);
});

test('killed between acceptance and the attempt, the attempt belongs to the same trace after the restart', async () => {
  const { trace, traceparent } = newTrace();
  const id = await byHttp({ traceparent }, { sendAt: new Date(Date.now() + 4000).toISOString() });
  const { traceparent: ours } = await fleet.event('queued', id);
  await fleet.kill();
  fleet = await start({ data: fleet.data });
  const attempt = await spanNamed(trace, 'attempt');
  expect(ours).toBe(`00-${trace}-${attempt.parentSpanId}-01`);
  expect(attempt.attributes).toMatchObject({ 'messaging.message.id': id, 'postfleet.outcome': 'delivered' });
});

test.each([
  ['never answers', 0],
  ['refuses', 500],
])('a collector that %s neither loses nor holds up mail, nor the end', async (_, status) => {
  collector.status = status;
  const ids: string[] = [];
  for (let at = 0; at < 300; at += 1)
    ids.push(await submit(config.ports.submission, 'hello@example.com', [`b${at}@c.test`]));
  await until('all are delivered', async () => (await fleet.metric('postfleet_queue_depth')) === 0);
  const begun = performance.now();
  await pause(100);
  expect((await fleet.stop()).code).toBe(0);
  expect(performance.now() - begun).toBeLessThan(10_000);
  const delivered = new Set(
    fleet
      .events()
      .filter((it) => it.type === 'delivered')
      .map((it) => it.message),
  );
  expect(ids.filter((id) => !delivered.has(id))).toEqual([]);
  fleet = await start({ data: fleet.data });
});

test('without a collector nothing of it is loaded, and a trace that is handed in is passed on in events', async () => {
  await fleet.stop();
  const { traceparent } = newTrace();
  fleet = await start({ data: fleet.data, env: {} });
  const traced = await byHttp({ traceparent });
  const untraced = await byHttp({});
  expect((await fleet.event('delivered', traced)).traceparent).toBe(traceparent);
  expect(await fleet.event('delivered', untraced)).not.toHaveProperty('traceparent');
  expect(await fleet.metric('postfleet_spans_total')).toBe(0);
});
