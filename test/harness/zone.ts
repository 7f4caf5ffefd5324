/**
 * A name server whose records a test publishes as people do: what the status of a `SendingDomain` says.
 */
import { FakeNameServer } from '#lib/dns/fake-name-server.ts';
import type { KubeObject } from '#lib/kube/kube.ts';

export interface DomainStatus {
  readonly keys?: readonly { readonly selector: string; readonly phase: string; readonly secretName: string }[];
  readonly activeSelectors?: readonly string[];
  readonly records?: readonly {
    readonly purpose: string;
    readonly type: string;
    readonly name: string;
    readonly expected: readonly string[];
    readonly state: string;
  }[];
}

export const statusOf = (domain: KubeObject | undefined): DomainStatus => domain?.['status'] ?? {};

export class Zone {
  readonly #server: FakeNameServer;
  /** Texts, or preference and host of a mail exchanger, by `TYPE name`. */
  readonly #records: Map<string, string>;

  private constructor(server: FakeNameServer, records: Map<string, string>) {
    this.#server = server;
    this.#records = records;
  }

  static async serve(): Promise<Zone> {
    const records = new Map<string, string>();
    const server = await FakeNameServer.listen(({ name, type }) => {
      const said = records.get(`${type} ${name}`);
      if (said === undefined) return { rcode: 3, ra: true };
      const answer =
        type === 'MX'
          ? { type, name, ttl: 0, data: { preference: 10, exchange: said.split(' ')[1] ?? '' } }
          : { type: 'TXT' as const, name, ttl: 0, data: said.match(/.{1,255}/gs) ?? [] };
      return { answers: [answer as never], ra: true };
    });
    return new Zone(server, records);
  }

  /** Where it is asked. */
  get address(): string {
    return `127.0.0.1:${this.#server.server.port}`;
  }

  /** The texts of a name, as receivers look them up. */
  texts(name: string): string[] {
    return [this.#records.get(`TXT ${name}`) ?? []].flat();
  }

  has(type: string, name: string): boolean {
    return this.#records.has(`${type} ${name}`);
  }

  /** Everything that the status says. */
  publish({ records = [] }: DomainStatus): void {
    for (const { type, name, expected } of records) this.#records.set(`${type} ${name}`, expected[0] ?? '');
  }

  close(): void {
    this.#server.close();
  }
}
