/**
 * Who we say we are to NATS servers, as the text of a secret: a credentials file as `nsc` and `nats` make them, the seed of a user's
 * nkey (`SU…`), or `user:password`. Never quoted, whatever is wrong with it. No I/O.
 */
export type Credentials =
  | { readonly kind: 'jwt'; readonly jwt: string; readonly seed: string }
  | { readonly kind: 'nkey'; readonly seed: string }
  | { readonly kind: 'password'; readonly user: string; readonly password: string };

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const SEED = /^SU[A-Z2-7]{56}$/;
const LONGEST = 64 * 1024;

/** Undefined when it is none of them. */
export function readCredentials(text: string): Credentials | undefined {
  if (text.length > LONGEST) return undefined;
  const lines = text.split('\n').flatMap((it) => (it.trim() === '' ? [] : [it.trim()]));
  const [only = ''] = lines;
  if (lines.length > 1) return readFile(lines);
  if (SEED.test(only)) return { kind: 'nkey', seed: only };
  const colon = only.indexOf(':');
  return colon < 1 ? undefined : { kind: 'password', user: only.slice(0, colon), password: only.slice(colon + 1) };
}

/** Each in the line after the one that begins it. */
function readFile(lines: readonly string[]): Credentials | undefined {
  const after = (title: RegExp): string => lines[lines.findIndex((it) => title.test(it)) + 1] ?? '';
  const jwt = after(/^-{3,}\s*BEGIN NATS USER JWT/);
  const seed = after(/^-{3,}\s*BEGIN USER NKEY SEED/);
  return JWT.test(jwt) && SEED.test(seed) ? { kind: 'jwt', jwt, seed } : undefined;
}
