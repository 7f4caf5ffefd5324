/**
 * A login as a Secret has it, for both sides: `user:password`, or a password alone, which is that of the user `postfleet`. Pure.
 */
import type { Login } from './wire.ts';

const USER = 'postfleet';
const LONGEST = 255;

/** Undefined when a part of it is empty or too long for the protocol. Spaces around it are not part of it. */
export function loginOf(text: string): Login | undefined {
  const line = text.trim();
  const colon = line.indexOf(':');
  const user = Buffer.from(colon < 0 ? USER : line.slice(0, colon));
  const password = Buffer.from(line.slice(colon + 1));
  const fits = [user, password].every(({ length }) => length > 0 && length <= LONGEST);
  return fits ? { user, password } : undefined;
}
