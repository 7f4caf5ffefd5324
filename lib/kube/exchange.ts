/**
 * One request to the API server and its answer: in bounded time and memory, failures as faults.
 *
 * A server that says it is busy and when to come back (429 with Retry-After) is asked again, a few times: it has done
 * nothing yet. Nothing else is repeated here. What an answer means is `api-server.ts`'s business.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Clock, type Duration, seconds, sleep } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { KubeAccess } from './access.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the server's own path, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  readonly contentType?: string;
  /** The form that is asked for. */
  readonly accept?: string;
}

export interface KubeAnswer {
  readonly status: number;
  /** What the server sent as JSON; a text that is none is the message of an otherwise empty one. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** No answer within this is none. */
const PATIENCE: Duration = seconds(30);
/** A page of a list has at most 200 objects; etcd takes none above 1.5 MB, and ours are kilobytes. */
const LARGEST_ANSWER = 128 * 1024 * 1024;
const TRIES_WHEN_BUSY = 3;
const LONGEST_WAIT_WHEN_BUSY = 10;

export class Exchange {
  readonly #access: KubeAccess;
  readonly #clock: Clock;

  constructor(access: KubeAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  /** Asks, and reads the whole answer. Rejects with `kube-unreachable`. */
  async ask(request: KubeRequest, signal?: AbortSignal): Promise<KubeAnswer> {
    for (let tries = 1; ; tries += 1) {
      const { answer, retryAfter } = await this.#askOnce(request, signal);
      if (answer.status !== 429 || retryAfter === undefined || tries === TRIES_WHEN_BUSY) return answer;
      await sleep(this.#clock, seconds(Math.min(retryAfter, LONGEST_WAIT_WHEN_BUSY)));
    }
  }

  /** Asks, and hands over the answer as soon as it begins. `signal` ends both. */
  async open(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const inTime = new AbortController();
    const timer = this.#clock.after(PATIENCE, () => inTime.abort(new Error('no answer in time')));
    try {
      return await this.#send(request, AbortSignal.any([signal, inTime.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** The rest of an answer that was opened. */
  async rest(response: IncomingMessage): Promise<KubeAnswer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > LARGEST_ANSWER) throw new Error('the answer is too large');
        chunks.push(chunk);
      }
    } catch (thrown) {
      throw unreachable(this.#access.server, thrown);
    }
    return { status: response.statusCode ?? 0, body: jsonOf(Buffer.concat(chunks).toString('utf8')) };
  }

  close(): void {
    this.#access.close();
  }

  async #askOnce(
    request: KubeRequest,
    signal?: AbortSignal,
  ): Promise<{ answer: KubeAnswer; retryAfter: number | undefined }> {
    const control = new AbortController();
    const timer = this.#clock.after(PATIENCE, () => control.abort(new Error('no whole answer in time')));
    try {
      const response = await this.#send(request, AbortSignal.any([control.signal, ...(signal ? [signal] : [])]));
      const wait = Number(response.headers['retry-after']);
      return { answer: await this.rest(response), retryAfter: Number.isInteger(wait) ? wait : undefined };
    } finally {
      timer.cancel();
    }
  }

  async #send(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    try {
      const options = await this.#access.options();
      const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
      const headers = {
        ...(options.headers as Record<string, string>),
        accept: request.accept ?? 'application/json',
        // Without a length the body of a DELETE would be taken for the next request.
        ...(body && { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
      };
      return await new Promise((resolve, reject) => {
        const url = urlOf(this.#access.server, request);
        const sent = httpsRequest(url, { ...options, method: request.method, headers, signal }, resolve);
        sent.on('error', reject);
        sent.end(body);
      });
    } catch (thrown) {
      throw unreachable(this.#access.server, signal.aborted ? signal.reason : thrown);
    }
  }
}

function urlOf(server: URL, { path, query = {} }: KubeRequest): URL {
  const url = new URL(`${server.origin}${server.pathname.replace(/\/$/, '')}${path}`);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

const unreachable = (server: URL, thrown: unknown): Fault =>
  new Fault('kube-unreachable', `The API server at ${server.host} gives no answer: ${reasonOf(thrown)}.`, {
    cause: thrown,
  });

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // A proxy between may answer with a page.
  }
  return { message: text.slice(0, 300) };
}
