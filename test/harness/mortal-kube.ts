/**
 * The API server as who asks sees it until it is killed: after so many of its writes that count it hears nothing any more.
 */
import type { Kube, KubeObject, KubeType, KubeWritten } from '#lib/kube/kube.ts';
import { Fault } from '#lib/run/fault.ts';

export interface End {
  /** The last write that is done. */
  readonly after: number;
  /** Whether its answer is heard. */
  readonly isTold: boolean;
}

const killed = (): Fault => new Fault('kube-unreachable', 'It was killed.');

export class MortalKube implements Kube {
  readonly #kube: Kube;
  readonly #counts: (type: KubeType, object: KubeObject) => boolean;
  readonly #end: End | undefined;
  #writes = 0;
  isDead = false;

  /** Without an end it lives as long as the test. */
  constructor(kube: Kube, counts: (type: KubeType, object: KubeObject) => boolean, end?: End) {
    this.#kube = kube;
    this.#counts = counts;
    this.#end = end;
  }

  get: Kube['get'] = (...of) => this.#asked(() => this.#kube.get(...of));
  list: Kube['list'] = (...of) => this.#asked(() => this.#kube.list(...of));
  delete: Kube['delete'] = (...of) => this.#asked(() => this.#kube.delete(...of));
  create: Kube['create'] = (...of) => this.#written(of[0], of[1], () => this.#kube.create(...of));
  apply: Kube['apply'] = (...of) => this.#written(of[0], of[1], () => this.#kube.apply(...of));
  applyStatus: Kube['applyStatus'] = (...of) => this.#written(of[0], of[1], () => this.#kube.applyStatus(...of));
  replace: Kube['replace'] = (...of) => this.#written(of[0], of[1], () => this.#kube.replace(...of));

  async *watch(...of: Parameters<Kube['watch']>): ReturnType<Kube['watch']> {
    for await (const event of this.#kube.watch(...of)) {
      if (this.isDead) return;
      yield event;
    }
  }

  close(): void {
    this.isDead = true;
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    if (this.isDead) throw killed();
    const answer = await ask();
    if (this.isDead) throw killed();
    return answer;
  }

  async #written(type: KubeType, object: KubeObject, write: () => Promise<KubeWritten>): Promise<KubeWritten> {
    if (!this.#counts(type, object)) return this.#asked(write);
    const isLast = (this.#writes += 1) === this.#end?.after;
    const answer = await this.#asked(write);
    if (isLast) this.isDead = true;
    if (isLast && !this.#end?.isTold) throw killed();
    return answer;
  }
}
