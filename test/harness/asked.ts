/**
 * A request as a route gets it, without a server.
 */
import type { Asked } from '#lib/http/server.ts';

export interface Asking {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: string;
  /** By lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export const asked = ({ parameters = {}, query = '', headers = {}, body = '' }: Asking): Asked => ({
  parameters,
  query: new URLSearchParams(query),
  header: (name) => headers[name] ?? '',
  peer: { address: '192.0.2.7' },
  body: Buffer.from(body),
});
