/**
 * Whether somebody is who they say: the secret is compared, and who guesses is kept from it.
 *
 * A generated secret cannot be guessed, so whoever has it comes in whatever others did from the same network. A chosen one
 * is not even compared while its account is locked for the network. Wrong and locked look alike whether or not the
 * account exists.
 */
import { networkOf } from '#lib/address/network.ts';
import type { Verifier } from '#lib/keyring/verifier.ts';
import type { Duration } from '#lib/run/clock.ts';
import type { Guesses } from './guesses.ts';

/** Why nobody looked at a secret. */
export type Unheard =
  /** Too many wrong ones came from there. */
  | { readonly kind: 'locked'; readonly retryAfter: Duration }
  /** Too many are being compared. */
  | { readonly kind: 'busy' };

/** Whether the secret is right, or why nobody looked. Takes as long for a user nobody knows as for one somebody does. */
export type LogIn = (username: string, secret: string, address: string) => Promise<boolean | Unheard>;

export function logins(verifier: Verifier, guesses: Guesses): LogIn {
  return async (username, secret, address) => {
    if (verifier.isGenerated(username, secret)) return true;
    const retryAfter = guesses.lockedFor(username, address);
    if (retryAfter !== undefined) return { kind: 'locked', retryAfter };
    const found = await verifier.verify(username, secret, networkOf(address));
    if (found === 'busy') return { kind: 'busy' };
    if (found) guesses.right(username, address);
    else guesses.wrong(username, address);
    return found !== undefined;
  };
}
