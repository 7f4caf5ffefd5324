/**
 * Who may use the proxy: users with their passwords, as a file or Secret has them.
 *
 *     user:password     a line each; several let a password be changed without a gap
 *     password          alone is that of the user `postfleet`
 *
 * Compared by their hashes, all of them each time: neither a part that fits nor the length shows in the time taken.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Fault } from '#lib/run/fault.ts';
import { loginOf } from '#lib/socks/login.ts';
import type { Login } from '#lib/socks/wire.ts';

const MOST = 16;

export class Logins {
  readonly #digests: readonly Buffer[];

  private constructor(logins: readonly Login[]) {
    this.#digests = logins.map(digestOf);
  }

  /** Rejects what cannot be used with the fault `logins-invalid`, which names `where` and never what is written there. */
  static from(text: string, where: string): Logins {
    const logins = text.split(/\r?\n/).flatMap((line) => (line.trim() === '' ? [] : [loginOf(line)]));
    const known = logins.filter((it) => it !== undefined);
    if (known.length === 0 || known.length < logins.length || known.length > MOST)
      throw new Fault(
        'logins-invalid',
        `${where} must have 1 to ${MOST} lines user:password, each part of 1 to 255 octets.`,
      );
    return new Logins(known);
  }

  knows(login: Login): boolean {
    const digest = digestOf(login);
    return this.#digests.reduce((known, it) => timingSafeEqual(it, digest) || known, false);
  }
}

const digestOf = ({ user, password }: Login): Buffer =>
  createHash('sha256')
    .update(Buffer.from([user.length]))
    .update(user)
    .update(password)
    .digest();
