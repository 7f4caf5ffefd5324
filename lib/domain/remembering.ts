/**
 * A resolver that asks each question once: for one look at a domain, where many rules read the same few records.
 *
 * Keeps what failed too, so that all rules of a look judge by the same answers. Made anew for each look.
 */
import type { Resolver } from '#lib/dns/resolver.ts';

export function remembering(resolver: Resolver): Resolver {
  return {
    mx: once((name) => resolver.mx(name)),
    addresses: once((name) => resolver.addresses(name)),
    txt: once((name) => resolver.txt(name)),
    cname: once((name) => resolver.cname(name)),
  };
}

function once<Answer>(ask: (name: string) => Promise<Answer>): (name: string) => Promise<Answer> {
  const answers = new Map<string, Promise<Answer>>();
  return (name) => {
    const known = answers.get(name) ?? ask(name);
    answers.set(name, known);
    return known;
  };
}
