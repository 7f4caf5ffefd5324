/**
 * A collector of traces: takes OTLP by HTTP as JSON and keeps the spans; or is as slow or broken as a test says.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly traceState?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Milliseconds. */
  readonly begun: number;
  readonly ended: number;
  readonly failed: boolean;
}

/** What the exporter sends, as far as it is looked at. */
interface Sent {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[] }[];
}

interface RawSpan extends Pick<CollectedSpan, 'traceId' | 'spanId' | 'parentSpanId' | 'name' | 'traceState'> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly status?: { readonly code?: number };
}

export class Collector {
  readonly spans: CollectedSpan[] = [];
  /** Everything that came, as text. */
  text = '';
  /** What a request is answered; 0: never. */
  status = 200;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(): Promise<Collector> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        if (collector.status === 200) collector.#take(Buffer.concat(parts).toString());
        if (collector.status > 0)
          response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    const collector = new Collector(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  of(trace: string): readonly CollectedSpan[] {
    return this.spans.filter((it) => it.traceId === trace);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(text: string): void {
    this.text += text;
    const { resourceSpans } = JSON.parse(text) as Sent;
    for (const { scopeSpans } of resourceSpans)
      for (const { spans } of scopeSpans) this.spans.push(...spans.map(spanOf));
  }
}

const spanOf = ({ startTimeUnixNano, endTimeUnixNano, attributes = [], status, ...raw }: RawSpan): CollectedSpan => ({
  ...raw,
  begun: Number(BigInt(startTimeUnixNano) / 1_000_000n),
  ended: Number(BigInt(endTimeUnixNano) / 1_000_000n),
  attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
  failed: status?.code === 2,
});
