/**
 * A whole Postfleet between a load of messages and three receivers of different temper, found by real DNS.
 *
 * Seven domains share each receiver's mail exchangers. Every message has one recipient. Mail that is returned to the
 * sender goes to a receiver of its own. `wrongWith` judges by what the receivers counted, and asks Postfleet's traces
 * only whether they say the same.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MailEvent } from '#mta/mail/event.ts';
import { Authority } from './authority.ts';
import { ConfigFolder } from './config.ts';
import { Postfleet } from './postfleet.ts';
import { Receiver } from './receiver.ts';
import { plainMessage, SmtpClient } from './smtp-client.ts';
import type { Stage } from './stage.ts';
import { type Counts, isPutOff, isStranger, type Temper, TemperedReceiver, TEMPERS } from './tempers.ts';
import { Unbound } from './unbound.ts';
import { until } from './until.ts';

/** At each site, whatever the domain: with more than one site a receiver there would be more. */
export const MOST_CONNECTIONS = 8;
const DOMAINS = 7;
const CLIENTS = 10;
const SENDER = 'hello@example.com';
const PATIENCE = 300_000;

const ADDRESSES: Readonly<Record<Temper, string>> = {
  defers: '127.0.0.91',
  storms: '127.0.0.92',
  refuses: '127.0.0.93',
};
/** Where reports go. */
const HOME = '127.0.0.94';

/** One message, and what is known of it. */
export interface Sent {
  readonly temper: Temper;
  readonly recipient: string;
  readonly isStranger: boolean;
  readonly isPutOff: boolean;
  readonly id: string;
  /** When its submission began (`performance.now()`). */
  readonly at: number;
  /** All that Postfleet says of it. */
  readonly events: readonly MailEvent[];
}

export interface Outcome {
  readonly sent: readonly Sent[];
  readonly receivers: readonly Counts[];
  /** Messages reported to the sender as not delivered: an id for each report. */
  readonly reported: readonly string[];
  /** What the queue still holds. */
  readonly left: number;
}

type Planned = Omit<Sent, 'id' | 'at' | 'events'>;

/** Resolves when everything has ended. */
export async function sendToThree(stage: Stage, messages: number): Promise<Outcome> {
  const plan = planOf(messages);
  const calm = Math.floor(messages / TEMPERS.length / 3);
  const receivers = await Promise.all(TEMPERS.map((it) => TemperedReceiver.listen(stage, it, ADDRESSES[it], calm)));
  const home = stage.adopt(await Receiver.listen(25, {}, HOME));
  const fleet = await startFleet(stage);
  const submitted = await submitAll(fleet.ports.submission, plan);
  const isEmpty = async (): Promise<boolean> => (await fleet.metric('postfleet_queue_depth')) === 0;
  const strangers = plan.filter((it) => it.isStranger).length;
  const ended = (): number => receivers.reduce((sum, it) => sum + it.taken.size, strangers);
  await until('every message', () => ended() >= messages && home.taken.length >= strangers, PATIENCE);
  await until('an empty queue', isEmpty, PATIENCE);
  const sent = await withTraces(fleet, submitted);
  const left = await fleet.metric('postfleet_queue_depth');
  await fleet.stop();
  return { sent, receivers, reported: home.taken.map((it) => reportedIn(it.raw)), left };
}

/** To the three in turn, and each one's domains in turn. */
function planOf(messages: number): Planned[] {
  return Array.from({ length: messages }, (_, at) => {
    const temper = TEMPERS[at % TEMPERS.length] ?? 'defers';
    const number = Math.floor(at / TEMPERS.length);
    return {
      temper,
      recipient: `user${number}@${domainOf(temper, number % DOMAINS)}`,
      isStranger: temper === 'refuses' && isStranger(number),
      isPutOff: temper === 'defers' && isPutOff(number),
    };
  });
}

const domainOf = (temper: Temper, at: number): string => `${'abcdefg'[at]}-${temper}.test`;

function zones(): Record<string, string> {
  const hosts = TEMPERS.map((it) => [`${it}.test`, `mx1 A ${ADDRESSES[it]}\nmx2 A ${ADDRESSES[it]}`]);
  const domains = TEMPERS.flatMap((it) =>
    Array.from({ length: DOMAINS }, (_, at) => [domainOf(it, at), `@ MX 10 mx1.${it}.test.\n@ MX 20 mx2.${it}.test.`]),
  );
  const home = ['example.com', `@ MX 10 mail\nmail A ${HOME}`];
  return Object.fromEntries([...hosts, ...domains, home]) as Record<string, string>;
}

async function startFleet(stage: Stage): Promise<Postfleet> {
  const unbound = await Unbound.start(stage, await Authority.start(stage, zones()));
  const allowPrivate = [...Object.values(ADDRESSES), HOME].map((it) => `${it}/32`);
  const config = await ConfigFolder.from(stage, 'bench', {
    DestinationPolicy: {
      spec: {
        routes: undefined,
        limits: { connections: MOST_CONNECTIONS },
        retry: { firstSeconds: 1, factor: 1, maxSeconds: 1 },
      },
    },
    SendingCredential: { spec: { scopes: ['Submit', 'Events'] } },
    MTACluster: { spec: { dns: { resolvers: [unbound.server], allowPrivate } } },
  });
  return Postfleet.start(stage, config);
}

/** Some clients at once, each with a connection that it keeps. */
async function submitAll(port: number, plan: readonly Planned[]): Promise<Omit<Sent, 'events'>[]> {
  const submitted: Omit<Sent, 'events'>[] = [];
  const waiting = plan.values();
  await inParallel(async () => {
    const client = await SmtpClient.open(port);
    for (const it of waiting) {
      const at = performance.now();
      const said = await client.send(SENDER, [it.recipient], plainMessage(SENDER, it.recipient));
      const [, id] = /queued as (\S+)/.exec(said) ?? [];
      if (id === undefined) throw new Error(`refused: ${said}`);
      submitted.push({ ...it, id, at });
    }
    client.close();
  });
  return submitted;
}

/** Asks the HTTP API for each message. */
async function withTraces(fleet: Postfleet, submitted: readonly Omit<Sent, 'events'>[]): Promise<Sent[]> {
  const token = readFileSync(join(fleet.data, 'secrets', fleet.username, 'token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  const sent: Sent[] = [];
  const waiting = submitted.values();
  await inParallel(async () => {
    for (const it of waiting) {
      const answer = await fetch(`http://127.0.0.1:${fleet.ports.api}/v1/messages/${it.id}`, { headers });
      if (!answer.ok) throw new Error(`GET ${it.id}: ${answer.status} ${await answer.text()}`);
      sent.push({ ...it, events: ((await answer.json()) as { events: MailEvent[] }).events });
    }
  });
  return sent;
}

const inParallel = async (work: () => Promise<void>): Promise<unknown> =>
  Promise.all(Array.from({ length: CLIENTS }, work));

const reportedIn = (raw: Buffer): string =>
  /^X-Postfleet-Message-Id: (\S+)/m.exec(raw.toString('latin1'))?.[1] ?? 'no report';
