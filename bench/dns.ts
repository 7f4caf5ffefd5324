/**
 * `node bench/dns.ts`: what DNS costs, with a real resolver (unbound) and authority (Knot DNS) on the same machine.
 *
 * Three questions of the same names: nobody has asked before, the resolver knows, our cache knows. Prints a table.
 */
import { type Resolver, resolverOn } from '#lib/dns/resolver.ts';
import { parseServer } from '#lib/dns/server.ts';
import { openStub } from '#lib/dns/stub.ts';
import { systemClock as clock } from '#lib/run/clock.ts';
import { systemRandom as random } from '#lib/run/random.ts';
import { Authority } from '../test/harness/authority.ts';
import { Stage } from '../test/harness/stage.ts';
import { Unbound } from '../test/harness/unbound.ts';
import { needTools } from '../test/setup/tools.ts';

const NAMES = 10_000;
/** Cached answers are so quick that the names are asked this often. */
const ROUNDS = 30;
const AT_ONCE = 50;

needTools('knot', 'unbound');
const stage = new Stage();
try {
  // Every name has an MX of its own, by one wildcard.
  const authority = await Authority.start(stage, { 'bench.test': '* 3600 MX 10 mail\nmail A 192.0.2.1' });
  const unbound = await Unbound.start(stage, authority);
  const open = () => openStub({ clock, random, servers: [parseServer(unbound.server)] });
  const [first, second] = [open(), open()];
  await row('nobody has asked before', resolverOn(first.lookUp), 1);
  await row('unbound knows', resolverOn(second.lookUp), 1);
  await row('our cache knows', resolverOn(second.lookUp), ROUNDS);
  first.close();
  second.close();
} finally {
  await stage.end(false);
}

async function row(what: string, resolver: Resolver, rounds: number): Promise<void> {
  const begun = performance.now();
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) await askAll(resolver);
  const { user, system } = process.cpuUsage(before);
  const lookups = NAMES * rounds;
  const perSecond = Math.round((lookups / (performance.now() - begun)) * 1000);
  const microseconds = ((user + system) / lookups).toFixed(1);
  process.stdout.write(`| ${what} | ${perSecond} | ${microseconds} |\n`);
}

/** Every name's MX, some at once. */
async function askAll(resolver: Resolver): Promise<void> {
  let next = 0;
  const ask = async (): Promise<void> => {
    for (let at = (next += 1); at <= NAMES; at = next += 1) {
      const answer = await resolver.mx(`d${at}.bench.test`);
      if (answer.kind !== 'found') throw new Error(`d${at}.bench.test: ${JSON.stringify(answer)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
}
