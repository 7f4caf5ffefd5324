/**
 * Says whether a username and a secret belong together, without telling strangers which usernames exist.
 *
 * Every refusal costs one scrypt, whether the user is unknown, has a generated secret or a chosen one. A right
 * generated secret costs a hash; a right chosen one costs a scrypt and is remembered for five minutes, so that a
 * thousand logins cost one. What is remembered is an HMAC under a key of this process, over the proof too: a changed
 * secret is asked for at once.
 *
 * Few scrypts run at a time, because signing needs the same threads; the others wait in lines by where they come from, so
 * that guesses delay those who guess. Locking them out is the caller's business.
 */
import { createHmac } from 'node:crypto';
import { type Clock, type Duration, minutes } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import type { CredentialRecord, Keyring, ScryptProof } from './keyring.ts';
import { FairLine } from './fair-line.ts';
import { CUSTOMARY, isProven, isProvenGenerated, proofOfChosen } from './proof.ts';

export interface Verifier {
  /** Whether it is a right one that was generated; costs a hash. */
  isGenerated(username: string, secret: string): boolean;
  /**
   * The credential whose secret this is, or undefined; `busy` when too many wait already. Who comes from one place, `from`,
   * shares a line. Harmless to ask again.
   */
  verify(username: string, secret: string, from?: string): Promise<CredentialRecord | 'busy' | undefined>;
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
/** About half a minute's work, and a second's. */
const LONGEST_LINE = 500;
const LONGEST_LINE_OF_ONE = 20;

/**
 * Resolves when what an unknown user is compared with has been made; it takes the effort that chosen secrets take.
 * `keyring` is asked anew each time.
 */
export async function openVerifier(
  keyring: Keyring,
  clock: Clock,
  random: Random,
  effort = CUSTOMARY,
): Promise<Verifier> {
  const nobody = await proofOfChosen(random.bytes(32).toString('base64'), random, effort);
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
  readonly #asked = new Map<string, Promise<boolean | 'busy'>>();
  readonly #line = new FairLine(MOST_AT_A_TIME, LONGEST_LINE, LONGEST_LINE_OF_ONE);

  constructor(keyring: Keyring, clock: Clock, processKey: Buffer, nobody: ScryptProof) {
    this.#keyring = keyring;
    this.#clock = clock;
    this.#processKey = processKey;
    this.#nobody = nobody;
  }

  isGenerated(username: string, secret: string): boolean {
    const record = this.#keyring.credential(username);
    return record?.secret.kind === 'sha256' && isProvenGenerated(secret, record.secret.hash);
  }

  async verify(username: string, secret: string, from = ''): Promise<CredentialRecord | 'busy' | undefined> {
    const record = this.#keyring.credential(username);
    if (this.isGenerated(username, secret)) return record;
    const proof = record?.secret.kind === 'scrypt' ? record.secret : this.#nobody;
    const isRight = await this.#isChosen(username, secret, proof, from);
    if (isRight === 'busy') return isRight;
    return isRight && proof !== this.#nobody ? record : undefined;
  }

  async #isChosen(username: string, secret: string, proof: ScryptProof, from: string): Promise<boolean | 'busy'> {
    const question = this.#fingerprint(username, secret, proof);
    if (this.#isRemembered(question)) return true;
    return this.#asked.get(question) ?? this.#ask(question, secret, proof, from);
  }

  async #ask(question: string, secret: string, proof: ScryptProof, from: string): Promise<boolean | 'busy'> {
    const comparing = this.#line.run(from, () => isProven(secret, proof));
    if (!comparing) return 'busy';
    const answer = comparing
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
