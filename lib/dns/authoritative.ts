/**
 * Answers from the servers of a zone themselves: for what was just published, and resolvers may still deny.
 *
 * Promises: nothing counts that a server does not say with authority (AA) about the very name asked; nothing is kept; an
 * answer takes `LOOKUP_BUDGET` at most, with what the resolver is asked for on the way beside. A server that is silent,
 * fails or claims no authority is passed over, because it tells verifiers nothing either; when all are, the answer is
 * `temporary`. Where servers differ, `agreement` decides:
 *
 * - `every`: a record counts when each server that answers has it. To believe that something has been published.
 * - `some`: a record counts when one server has it. To believe that something is gone: then `none` is what all say.
 */
import { type Clock, type Duration, seconds } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { type NameServer, zoneOf } from './delegation.ts';
import { type Lookup, type LookUp, MOST_ALIASES, readResponse, temporary } from './lookup.ts';
import { type DnsRecord, isAskable, type Question, type Response } from './message.ts';
import type { Stub } from './stub.ts';
import { isSilence, Transport } from './transport.ts';

export type Agreement = 'every' | 'some';

export interface AuthoritiesOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Asks recursive resolvers: who the servers are, and where. */
  readonly lookUp: LookUp;
  readonly agreement: Agreement;
  /** Private networks whose servers may be asked, in CIDR form. */
  readonly allowPrivate: readonly string[];
  /** Where name servers listen; 53 unless given. */
  readonly port?: number;
}

const LOOKUP_BUDGET: Duration = seconds(10);
/** How long each address of a server is waited for. */
const PATIENCE: Duration = seconds(3);
const DNS_PORT = 53;

/** One server's words; an alias is followed once all have spoken. */
type Said = Lookup | { readonly kind: 'alias'; readonly name: string };

export function openAuthorities(options: AuthoritiesOptions): Stub {
  const transport = new Transport(options);
  const asker = new Authorities(options, transport);
  return { lookUp: async (question) => asker.lookUp(question), close: () => transport.close() };
}

class Authorities {
  readonly #options: AuthoritiesOptions;
  readonly #transport: Transport;

  constructor(options: AuthoritiesOptions, transport: Transport) {
    this.#options = options;
    this.#transport = transport;
  }

  async lookUp(question: Question): Promise<Lookup> {
    if (!isAskable(question.name)) return { kind: 'no-such-name', ttl: 0, isAuthenticated: false };
    const end = this.#options.clock.monotonic() + LOOKUP_BUDGET;
    const passed = new Set([question.name]);
    let said = await this.#askZone(question, end);
    while (said.kind === 'alias') {
      if (passed.has(said.name) || passed.size > MOST_ALIASES) return temporary('aliases in a circle or too many');
      passed.add(said.name);
      said = await this.#askZone({ ...question, name: said.name }, end);
    }
    return said;
  }

  async #askZone(question: Question, end: Duration): Promise<Said> {
    const { lookUp, allowPrivate, agreement } = this.#options;
    const zone = await zoneOf(question.name, lookUp, allowPrivate);
    if (zone.kind !== 'zone') return zone;
    return agreed(await Promise.all(zone.servers.map((it) => this.#askServer(it, question, end))), agreement);
  }

  /** Its addresses in turn, until one says something. */
  async #askServer({ name, addresses }: NameServer, question: Question, end: Duration): Promise<Said> {
    const { clock, port = DNS_PORT } = this.#options;
    let silence = 'timeout';
    for (const address of addresses) {
      const patience = Math.min(PATIENCE, end - clock.monotonic());
      if (patience <= 0) break;
      const asking = { server: { address, port }, question, isRecursive: false, patience };
      const response = await this.#transport.ask(asking);
      if (!isSilence(response)) return readAuthority(response, question, name);
      silence = response.silence;
    }
    return temporary(`${name}: ${silence}`);
  }
}

/** What is said of other names, such as of the end of an alias, may be another zone's matter. */
function readAuthority(response: Response, question: Question, server: string): Said {
  const answers = response.answers.filter((it) => it.name === question.name);
  const alias = question.type === 'CNAME' ? undefined : answers.find((it) => it.type === 'CNAME');
  const said = alias
    ? ({ kind: 'alias', name: alias.data } as const)
    : readResponse({ ...response, answers }, question);
  if (said.kind === 'temporary') return temporary(`${server}: ${said.reason}`);
  return response.isAuthoritative ? said : temporary(`${server}: not authoritative`);
}

/** One answer from those of all servers of a zone. Pure. */
function agreed(answers: readonly Said[], agreement: Agreement): Said {
  const definite = answers.filter((it) => it.kind !== 'temporary');
  const [first] = definite;
  if (!first) return answers[0] ?? temporary('no server');
  const aliases = definite.filter((it) => it.kind === 'alias');
  if (aliases.length > 0) return agreedAlias(aliases, agreement === 'some' || aliases.length === definite.length);
  const found = definite.filter((it) => it.kind === 'found');
  const records = agreement === 'some' ? union(found) : found.length === definite.length ? intersection(found) : [];
  const [sample] = found;
  if (sample && records.length > 0) return { ...sample, records };
  return definite.find((it) => it.kind === 'none') ?? (sample ? NONE : first);
}

const NONE: Lookup = { kind: 'none', ttl: 0, isAuthenticated: false };

function agreedAlias(aliases: readonly Extract<Said, { kind: 'alias' }>[], isEnough: boolean): Said {
  const names = new Set(aliases.map((it) => it.name));
  const [name = ''] = names;
  return isEnough && names.size === 1 ? { kind: 'alias', name } : temporary('the name servers differ');
}

type Found = Extract<Lookup, { kind: 'found' }>;

const keyOf = ({ preference, data }: DnsRecord): string => `${preference} ${data}`;

const union = (found: readonly Found[]): readonly DnsRecord[] => [
  ...new Map(found.flatMap((it) => it.records).map((it) => [keyOf(it), it])).values(),
];

function intersection(found: readonly Found[]): readonly DnsRecord[] {
  const sets = found.map((it) => new Set(it.records.map(keyOf)));
  return union(found).filter((it) => sets.every((set) => set.has(keyOf(it))));
}
