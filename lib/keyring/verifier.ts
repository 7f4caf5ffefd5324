/**
 * Says whether a username and a secret belong together, without telling strangers which usernames exist.
 *
 * Every refusal costs one scrypt, whether the user is unknown, has a generated secret or a chosen one. A right
 * generated secret costs a hash; a right chosen one costs a scrypt and is remembered for five minutes, so that a
 * thousand logins cost one. What is remembered is an HMAC under a key of this process, over the proof too: a changed
 * secret is asked for at once.
 *
 * Few scrypts run at a time, because signing needs the same threads; the others wait in line. Locking out those who
 * guess is the caller's business.
 */
import { createHmac } from 'node:crypto';
import { type Clock, type Duration, minutes } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { CredentialRecord, Keyring, ScryptProof } from './keyring.ts';
import { isProven, proofOfChosen } from './proof.ts';

export interface Verifier {
  /** The credential whose secret this is, or undefined. Resolves when known; harmless to ask again. */
  verify(username: string, secret: string): Promise<CredentialRecord | undefined>;
}

/** A bearer token, `<username>~<secret>`: `~` is in neither name, and is allowed in a token (RFC 6750 §2.1). */
export const tokenOf = (username: string, secret: string): string => `${username}~${secret}`;

/** Username and secret of a token; both empty, which proves nobody, when it is not one. */
export function splitToken(token: string): { readonly username: string; readonly secret: string } {
  const at = token.indexOf('~');
  return at < 0 ? { username: '', secret: '' } : { username: token.slice(0, at), secret: token.slice(at + 1) };
}

const REMEMBERED_FOR = minutes(5);
const MOST_REMEMBERED = 10_000;
const MOST_AT_A_TIME = 2;

/** Resolves when what an unknown user is compared with has been made. `keyring` is asked anew each time. */
export async function openVerifier(keyring: Keyring, clock: Clock, random: Random): Promise<Verifier> {
  const nobody = await proofOfChosen(random.bytes(32).toString('base64'), random);
  return new KeyringVerifier(keyring, clock, random.bytes(32), nobody);
}

class KeyringVerifier implements Verifier {
  readonly #keyring: Keyring;
  readonly #clock: Clock;
  readonly #processKey: Buffer;
  /** Proof of a secret that nobody has. */
  readonly #nobody: ScryptProof;
  /** When what was proven is forgotten, oldest first. */
  readonly #remembered = new Map<string, Duration>();
  /** Being proven now: the same question asked meanwhile waits for the same answer. */
  readonly #asked = new Map<string, Promise<boolean>>();
  readonly #line = new Line(MOST_AT_A_TIME);

  constructor(keyring: Keyring, clock: Clock, processKey: Buffer, nobody: ScryptProof) {
    this.#keyring = keyring;
    this.#clock = clock;
    this.#processKey = processKey;
    this.#nobody = nobody;
  }

  async verify(username: string, secret: string): Promise<CredentialRecord | undefined> {
    const record = this.#keyring.credential(username);
    if (record?.secret.kind === 'sha256' && (await isProven(secret, record.secret))) return record;
    const proof = record?.secret.kind === 'scrypt' ? record.secret : this.#nobody;
    const isRight = await this.#isChosen(username, secret, proof);
    return isRight && proof !== this.#nobody ? record : undefined;
  }

  async #isChosen(username: string, secret: string, proof: ScryptProof): Promise<boolean> {
    const question = this.#fingerprint(username, secret, proof);
    if (this.#isRemembered(question)) return true;
    const asked = this.#asked.get(question) ?? this.#ask(question, secret, proof);
    return asked;
  }

  #ask(question: string, secret: string, proof: ScryptProof): Promise<boolean> {
    const answer = this.#line
      .run(() => isProven(secret, proof))
      .then((isRight) => {
        if (isRight) this.#remember(question);
        return isRight;
      })
      .finally(() => this.#asked.delete(question));
    this.#asked.set(question, answer);
    return answer;
  }

  #fingerprint(username: string, secret: string, proof: ScryptProof): string {
    const parts = JSON.stringify([username, secret, proof.salt, proof.hash]);
    return createHmac('sha256', this.#processKey).update(parts).digest('base64');
  }

  #isRemembered(question: string): boolean {
    const until = this.#remembered.get(question);
    if (until !== undefined && until <= this.#clock.monotonic()) this.#remembered.delete(question);
    return this.#remembered.has(question);
  }

  #remember(question: string): void {
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined && this.#remembered.size >= MOST_REMEMBERED) this.#remembered.delete(oldest);
    this.#remembered.set(question, this.#clock.monotonic() + REMEMBERED_FOR);
  }
}

/** Lets a few tasks run at a time; the others wait in order. */
class Line {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
