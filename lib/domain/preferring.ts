/**
 * Two resolvers as one: the first is asked, and the second where the first could not say.
 *
 * A domain's own servers know first what was published, and asking them leaves no "does not exist" in a cache. Where
 * they cannot be reached from here, the resolver everybody uses is heard.
 */
import type { Resolver } from '#lib/dns/resolver.ts';

export function preferring(first: Resolver, second: Resolver): Resolver {
  return {
    mx: async (name) => orElse(await first.mx(name), () => second.mx(name)),
    addresses: async (name) => orElse(await first.addresses(name), () => second.addresses(name)),
    txt: async (name) => orElse(await first.txt(name), () => second.txt(name)),
    cname: async (name) => orElse(await first.cname(name), () => second.cname(name)),
  };
}

async function orElse<Answer extends { readonly kind: string }>(
  answer: Answer,
  other: () => Promise<Answer>,
): Promise<Answer> {
  return answer.kind === 'temporary' ? other() : answer;
}
