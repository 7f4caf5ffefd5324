/**
 * A resolver that answers from a table: `'example.com MX': ['10 mx.example.net']`; what is not in it does not exist.
 */
import type { Resolver } from '#lib/dns/resolver.ts';

/** Records by `name TYPE`; A and AAAA are both `A`. */
export type Table = Readonly<Record<string, readonly string[] | 'silent'>>;

export class FakeDns implements Resolver {
  /** Changed by tests as they like. */
  table: Table;
  /** Every question, `name TYPE`. */
  readonly asked: string[] = [];

  constructor(table: Table = {}) {
    this.table = table;
  }

  async mx(domain: string) {
    return this.#answer(`${domain} MX`, (all) => ({
      records: all.map((it) => {
        const [preference = '', exchange = ''] = it.split(' ');
        return { preference: Number(preference), exchange: exchange.replace(/\.$/, '') };
      }),
    }));
  }

  addresses = async (host: string) => this.#answer(`${host} A`, (addresses) => ({ addresses }));
  txt = async (name: string) => this.#answer(`${name} TXT`, (texts) => ({ texts }));
  cname = async (name: string) => this.#answer(`${name} CNAME`, (names) => ({ names }));

  #answer<Data extends object>(question: string, read: (all: readonly string[]) => Data) {
    this.asked.push(question);
    const all = this.table[question];
    if (all === 'silent') return { kind: 'temporary', reason: 'timeout' } as const;
    if (all !== undefined) return { kind: 'found', ...read(all) } as const;
    const name = question.slice(0, question.indexOf(' '));
    const exists = Object.keys(this.table).some((it) => it.startsWith(`${name} `));
    return { kind: exists ? 'none' : 'no-such-name' } as const;
  }
}
