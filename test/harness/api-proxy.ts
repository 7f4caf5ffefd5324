/**
 * Stands between a client and the API server, with the server's own certificate: notes what is asked, answers in its place
 * when the test says so, and cuts what is open.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Server, createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ControlPlane } from './control-plane.ts';

export interface Passed {
  readonly method: string;
  readonly url: URL;
}

/** An answer in place of the server's; `cut` ends the connection without any. */
export type Instead = { readonly status: number; readonly headers?: Record<string, string> } | 'cut' | undefined;

export const isWatch = ({ url }: Passed): boolean => url.searchParams.get('watch') === '1';

export class ApiProxy {
  readonly #plane: ControlPlane;
  readonly #server: Server;
  readonly #watches = new Set<ServerResponse>();
  /** Everything that was asked, in order. */
  readonly asked: Passed[] = [];
  /** Asked for each request; undefined passes it on. */
  instead: (asked: Passed) => Instead = () => undefined;

  private constructor(plane: ControlPlane) {
    this.#plane = plane;
    this.#server = createServer(plane.identity, (request, response) => this.#pass(request, response));
  }

  static async start(plane: ControlPlane): Promise<ApiProxy> {
    const proxy = new ApiProxy(plane);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get server(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** In the middle of whatever they were saying. */
  cutWatches(): void {
    for (const watch of this.#watches) watch.destroy();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    const asked = { method, url: new URL(url, this.server) };
    this.asked.push(asked);
    const instead = this.instead(asked);
    if (instead === 'cut') response.destroy();
    else if (instead) response.writeHead(instead.status, instead.headers).end('{}');
    else this.#forward(request, response, { method, headers }, asked);
  }

  #forward(
    request: IncomingMessage,
    response: ServerResponse,
    head: { readonly method: string; readonly headers: IncomingMessage['headers'] },
    asked: Passed,
  ): void {
    const target = new URL(`${asked.url.pathname}${asked.url.search}`, this.#plane.server);
    const onward = httpsRequest(target, { ...head, ca: this.#plane.identity.cert, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // A watch begins before there is anything to tell.
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    if (isWatch(asked)) this.#watches.add(response);
    response.on('close', () => {
      this.#watches.delete(response);
      onward.destroy();
    });
    request.pipe(onward);
  }
}
