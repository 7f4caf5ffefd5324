/**
 * What an address means, however its local part is written: the text within quotes, and the domain in A-labels.
 */
import { domainToASCII } from 'node:url';

/** A local part without its quotes and escapes. */
export const contentOf = (local: string): string =>
  /^".*"$/s.test(local) ? local.slice(1, -1).replaceAll(/\\(.)/gs, '$1') : local;

/** `["local","domain"]`, split at the last `@`. */
export function meaningOf(address: string): string {
  const at = address.lastIndexOf('@');
  return JSON.stringify([contentOf(address.slice(0, at)), domainToASCII(address.slice(at + 1))]);
}
