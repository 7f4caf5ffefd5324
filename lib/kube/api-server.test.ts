import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Certificate, selfMadeCertificate } from '#lib/run/certificate.ts';
import { minutes, seconds } from '#lib/run/clock.ts';
import { FakeClock } from '#lib/run/fake-clock.ts';
import { seededRandom } from '#lib/run/random.ts';
import { kubeconfigAccess } from './kubeconfig.ts';
import { ApiServer } from './api-server.ts';
import type { KubeEvent, KubeObject, KubeType, KubeWritten } from './kube.ts';
import { pathTo } from './path.ts';

const THINGS: KubeType = { group: 'test.example', version: 'v1', plural: 'things', kind: 'Thing' };
const thing: KubeObject = { apiVersion: 'test.example/v1', kind: 'Thing', metadata: { name: 'x', namespace: 'a' } };

let certificate: Certificate;
beforeAll(async () => {
  certificate = await selfMadeCertificate(['127.0.0.1']);
});

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly type: string | undefined;
  readonly token: string | undefined;
  readonly form: string | undefined;
  readonly body: string;
}

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** An API server that answers as the test says, the last answer for ever. */
async function serve(...answers: readonly Answer[]): Promise<{ kube: ApiServer; clock: FakeClock; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer(certificate, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const answer = answers[Math.min(asked.length, answers.length - 1)];
      const { method = '', url = '', headers } = request;
      const { 'content-type': type, authorization: token, accept: form } = headers;
      asked.push({ method, url: new URL(url, 'https://server'), type, token, form, body });
      answer?.(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clock = new FakeClock();
  const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kube = new ApiServer(kubeconfigAccess(kubeconfig(address)), clock, seededRandom(1));
  onTestFinished(() => {
    kube.close();
    server.closeAllConnections();
    server.close();
  });
  return { kube, clock, asked };
}

const kubeconfig = (server: string): string =>
  JSON.stringify({
    clusters: [
      {
        name: 'c',
        cluster: { server, 'certificate-authority-data': Buffer.from(certificate.cert).toString('base64') },
      },
    ],
    users: [{ name: 'u', user: { token: 'sesame' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });

const says =
  (status: number, body: object | string, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };

const refusal = (reason: string): object => ({ kind: 'Status', status: 'Failure', reason, message: `it is ${reason}` });

describe('an object', () => {
  it('is read with the token, and undefined when there is none', async () => {
    const { kube, asked } = await serve(says(200, { metadata: thing.metadata }), says(404, refusal('NotFound')));
    const place = { type: THINGS, namespace: 'a', name: 'x' };
    expect(await kube.get(place)).toEqual(thing);
    expect(await kube.get(place)).toBeUndefined();
    expect(asked[0]?.url.pathname).toBe('/apis/test.example/v1/namespaces/a/things/x');
    expect(asked[0]?.token).toBe('Bearer sesame');
  });

  it('keeps the name of a part of one, such as its scale', async () => {
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'x' }, spec: { replicas: 3 } };
    const { kube } = await serve(says(200, scale));
    expect(await kube.get({ type: THINGS, namespace: 'a', name: 'x/scale' })).toEqual(scale);
  });

  it.each<[number, object | string, string, RegExp]>([
    [401, refusal('Unauthorized'), 'kube-denied', /it is Unauthorized/],
    [403, refusal('Forbidden'), 'kube-denied', /Grant it/],
    [500, refusal('InternalError'), 'kube-busy', /500: it is InternalError/],
    [503, '<html>no server</html>', 'kube-busy', /503: <html>/],
    [429, refusal('TooManyRequests'), 'kube-busy', /429/],
  ])('of which the server says %i is a fault', async (status, body, code, message) => {
    const { kube } = await serve(says(status, body));
    const read = kube.get({ type: THINGS, namespace: 'a', name: 'x' });
    await expect(read).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  it('is asked for again when the server is busy and says when it will not be', async () => {
    const { kube, clock, asked } = await serve(says(429, {}, { 'retry-after': '1' }), says(200, thing));
    const read = kube.get({ type: THINGS, namespace: 'a', name: 'x' });
    await vi.waitFor(() => {
      clock.advance(seconds(1));
      expect(asked).toHaveLength(2);
    });
    expect(await read).toEqual(thing);
  });

  it('is not waited for longer than half a minute', async () => {
    const { kube, clock, asked } = await serve((response) => response.writeHead(200).write('{"kind"'));
    const read = kube.get({ type: THINGS, namespace: 'a', name: 'x' }).catch((thrown: unknown) => thrown);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    clock.advance(seconds(30));
    expect(await read).toMatchObject({ code: 'kube-unreachable' });
    expect(clock.timers).toBe(0);
  });
});

describe('a write', () => {
  it('of which only the metadata is wanted is answered with no more, under its own name', async () => {
    const outline = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: thing.metadata };
    const { kube, asked } = await serve(says(200, outline));
    const written = await kube.apply(THINGS, thing, 'm', { isOutline: true });
    const { apiVersion, kind, metadata } = thing;
    expect(written).toEqual({ kind: 'written', object: { apiVersion, kind, metadata } });
    expect(asked[0]?.form).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  });

  it.each<[number, object, KubeWritten]>([
    [201, thing, { kind: 'written', object: thing }],
    [409, refusal('AlreadyExists'), { kind: 'exists' }],
    [409, refusal('Conflict'), { kind: 'conflict', message: 'it is Conflict' }],
    [404, refusal('NotFound'), { kind: 'missing', message: 'it is NotFound' }],
    [422, refusal('Invalid'), { kind: 'refused', code: 422, reason: 'Invalid', message: 'it is Invalid' }],
    [403, refusal('Forbidden'), { kind: 'refused', code: 403, reason: 'Forbidden', message: 'it is Forbidden' }],
  ])('that is answered with %i %j', async (status, body, outcome) => {
    const { kube } = await serve(says(status, body));
    expect(await kube.create(THINGS, thing)).toEqual(outcome);
  });

  it('by server-side apply names its manager and takes over, its status alone where asked', async () => {
    const { kube, asked } = await serve(says(200, thing));
    await kube.apply(THINGS, thing, 'me', { dryRun: true });
    await kube.applyStatus(THINGS, { ...thing, status: {} }, 'me');
    await kube.replace(THINGS, thing);
    expect(asked.map(({ method, type, url }) => [method, type, url.pathname.split('/').at(-1), url.search])).toEqual([
      ['PATCH', 'application/apply-patch+yaml', 'x', '?fieldValidation=Strict&dryRun=All&fieldManager=me&force=true'],
      ['PATCH', 'application/apply-patch+yaml', 'status', '?fieldValidation=Strict&fieldManager=me&force=true'],
      ['PUT', 'application/json', 'x', '?fieldValidation=Strict'],
    ]);
    expect(asked[0]?.body).toBe(JSON.stringify(thing));
  });

  it('that deletes may be of what was seen only', async () => {
    const { kube, asked } = await serve(says(200, {}), says(404, {}), says(409, {}));
    const place = { type: THINGS, name: 'x' };
    const answers = [await kube.delete(place, { uid: '1' }), await kube.delete(place), await kube.delete(place)];
    expect(answers).toEqual(['deleted', 'missing', 'conflict']);
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ preconditions: { uid: '1' } });
  });
});

const item = (name: string): object => ({ metadata: { name, managedFields: [{}] } });
const page = (names: readonly string[], next?: string): Answer =>
  says(200, { metadata: { resourceVersion: '7', continue: next }, items: names.map(item) });

describe('a list', () => {
  it('is of all pages, each object with its kind and without managed fields', async () => {
    const { kube, asked } = await serve(page(['x'], 'more'), page(['y']));
    const { objects, resourceVersion } = await kube.list(THINGS, { labelSelector: 'a=b' });
    const named = (name: string): object => ({ ...thing, metadata: { name } });
    expect(objects).toEqual([named('x'), named('y')]);
    expect(resourceVersion).toBe('7');
    expect(asked.map(({ url }) => url.search)).toEqual([
      '?labelSelector=a%3Db&limit=200',
      '?labelSelector=a%3Db&limit=200&continue=more',
    ]);
  });

  it('is begun anew when the server has forgotten the next page', async () => {
    const { kube } = await serve(page(['x'], 'more'), says(410, refusal('Expired')), page(['y']));
    const { objects } = await kube.list(THINGS);
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['y']);
  });

  it('of a type that is not installed is a fault that says so', async () => {
    const { kube } = await serve(says(404, '404 page not found'));
    await expect(kube.list(THINGS)).rejects.toMatchObject({ code: 'kube-unknown' });
  });
});

const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const versioned = (resourceVersion: string): object => ({ ...thing, metadata: { ...thing.metadata, resourceVersion } });

async function watched(kube: ApiServer, control = new AbortController()): Promise<(KubeEvent | { fault: string })[]> {
  const events: (KubeEvent | { fault: string })[] = [];
  try {
    for await (const event of kube.watch(THINGS, {}, '7', control.signal)) events.push(event);
  } catch (thrown) {
    events.push({ fault: (thrown as { code: string }).code });
  }
  return events;
}

const begun = { kind: 'mark', resourceVersion: '7' };

describe('a watch', () => {
  it('tells events in order, however the lines are cut into pieces, and ends with the server', async () => {
    const text = line('ADDED', versioned('8')) + line('DELETED', versioned('9')) + line('BOOKMARK', versioned('12'));
    const { kube, asked } = await serve((response) => {
      for (let at = 0; at < text.length; at += 50) response.write(text.slice(at, at + 50));
      response.end();
    });
    expect(await watched(kube)).toEqual([
      begun,
      { kind: 'set', object: versioned('8') },
      { kind: 'gone', object: versioned('9') },
      { kind: 'mark', resourceVersion: '12' },
    ]);
    expect(asked[0]?.url.search).toMatch(
      /^\?watch=1&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=(2[4-9]|3|4[0-7])\d+$/,
    );
  });

  it('of outlines asks for no more than metadata, and keeps less', async () => {
    const labelled = { ...thing, data: { key: 'secret' }, metadata: { ...thing.metadata, labels: { a: 'b' } } };
    const { kube, asked } = await serve(
      says(200, line('ADDED', labelled)),
      says(200, { items: [labelled], metadata: { resourceVersion: '7' } }),
    );
    const bare = { ...thing, metadata: { ...thing.metadata, uid: '', resourceVersion: '' } };
    const told: KubeEvent[] = [];
    for await (const event of kube.watch(THINGS, { isOutline: true }, '7', new AbortController().signal))
      told.push(event);
    expect(told[1]).toEqual({ kind: 'set', object: bare });
    expect((await kube.list(THINGS, { isOutline: true })).objects).toEqual([bare]);
    expect(asked.map(({ form }) => form)).toEqual([
      'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    ]);
  });

  it('holds up no request, however many there are', async () => {
    const watches = 80;
    const { kube, asked } = await serve((response, { url = '' }) => {
      response.writeHead(200);
      if (url.includes('watch=1')) response.write(line('BOOKMARK', versioned('8')));
      else response.end(JSON.stringify(thing));
    });
    const ending = new AbortController();
    const told: KubeEvent[] = [];
    const open = Array.from({ length: watches }, async () => {
      for await (const event of kube.watch(THINGS, {}, '7', ending.signal)) told.push(event);
    });
    await vi.waitFor(() => expect(asked).toHaveLength(watches), { timeout: 8000 });
    expect(await kube.get({ type: THINGS, namespace: 'a', name: 'x' })).toBeDefined();
    ending.abort();
    await Promise.all(open);
  });

  it.each<[string, Answer, unknown[]]>([
    ['410 as an answer', says(410, refusal('Expired')), [{ kind: 'expired' }]],
    ['410 as an event', says(200, line('ERROR', { code: 410 })), [begun, { kind: 'expired' }]],
    ['another error as an event', says(200, line('ERROR', { code: 500 })), [begun, { fault: 'kube-busy' }]],
    ['500', says(500, refusal('InternalError')), [{ fault: 'kube-busy' }]],
    ['403', says(403, refusal('Forbidden')), [{ fault: 'kube-denied' }]],
    ['a line that is no JSON', says(200, '{"type":\n'), [begun, { fault: 'kube-unreachable' }]],
    ['half a line, in order', says(200, '{"type":"ADDED"'), [begun]],
    [
      'a cut',
      (response) => response.writeHead(200).write('{"ty', () => response.destroy()),
      [begun, { fault: 'kube-unreachable' }],
    ],
    [
      'a line without end',
      (response) => void response.writeHead(200).write('x'.repeat(9 * 1024 * 1024)),
      [begun, { fault: 'kube-unreachable' }],
    ],
  ])('ends with %s', async (_, answer, events) => {
    const { kube } = await serve(answer);
    expect(await watched(kube)).toEqual(events);
  });

  it('is dead after minutes of silence', async () => {
    const { kube, clock, asked } = await serve((response) => response.writeHead(200).flushHeaders());
    const events = watched(kube);
    await vi.waitFor(() => {
      expect(asked).toHaveLength(1);
      expect(clock.next - clock.monotonic()).toBe(minutes(3));
    });
    clock.advance(minutes(3));
    expect(await events).toEqual([begun, { fault: 'kube-unreachable' }]);
    expect(clock.timers).toBe(0);
  });

  it('ends quietly when its listener ends it, before and after it has begun', async () => {
    const { kube, asked } = await serve((response) => response.writeHead(200).flushHeaders());
    const control = new AbortController();
    const events = watched(kube, control);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    control.abort();
    expect([[], [begun]]).toContainEqual(await events);
    expect(await watched(kube, control)).toEqual([]);
  });
});

it.each([
  [pathTo({ group: '', version: 'v1', plural: 'pods', kind: 'Pod' }), '/api/v1/pods'],
  [pathTo(THINGS, 'a', 'x', 'status'), '/apis/test.example/v1/namespaces/a/things/x/status'],
  [pathTo(THINGS, undefined, 'a/b'), '/apis/test.example/v1/things/a%2Fb'],
])('%s', (path, expected) => {
  expect(path).toBe(expected);
});

it.each([
  ['not: [yaml', /cannot be read/],
  ['{}', /names no API server/],
  [kubeconfigOf('http://127.0.0.1:1'), /https/],
])('a kubeconfig that says %j is refused', (text, message) => {
  expect(() => kubeconfigAccess(text)).toThrow(message);
});

function kubeconfigOf(server: string): string {
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}
