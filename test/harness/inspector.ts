/**
 * Looks into a running Node process from outside, by its inspector: what is alive after a full collection.
 *
 * SIGUSR1 opens the inspector of a process that was not started with one, on port 9229: one process at a time.
 */
import { once } from 'node:events';
import type { Program } from './program.ts';
import { until } from './until.ts';

interface Answer {
  readonly id?: number;
  readonly result?: { readonly usedSize?: number; readonly result?: { readonly value?: unknown } };
  readonly error?: { readonly message: string };
}

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async open(program: Program): Promise<Inspector> {
    program.signal('SIGUSR1');
    const [, url = ''] = await program.says(/Debugger listening on (ws:\S+)/);
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** Bytes of the heap that are alive: everything else is collected first. */
  async heapBytes(): Promise<number> {
    await this.#ask('HeapProfiler.collectGarbage');
    return (await this.#ask('Runtime.getHeapUsage')).result?.usedSize ?? 0;
  }

  /** The value of an expression in the main thread, as JSON carries it. */
  async evaluate(expression: string): Promise<unknown> {
    const { result } = await this.#ask('Runtime.evaluate', { expression, returnByValue: true });
    return result?.result?.value;
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(method: string, params: object = {}): Promise<Answer> {
    const id = (this.#last += 1);
    let answer: Answer | undefined;
    this.#waiting.set(id, (it) => {
      answer = it;
    });
    this.#socket.send(JSON.stringify({ id, method, params }));
    const heard = await until(`${method} is answered`, () => answer, 30_000);
    this.#waiting.delete(id);
    if (heard.error) throw new Error(`${method}: ${heard.error.message}`);
    return heard;
  }
}
