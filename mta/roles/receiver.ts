/**
 * The built-in receiver: takes mail for `*.test`, verifies its signatures, keeps it in a folder and shows a line of it.
 *
 * For a first try on one machine, never for real mail. Uses the same SMTP engine as submission. Signatures are held
 * against the keys of the sender's own keyring, because `.test` names are in no DNS.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import { verifyDkim } from '#lib/dkim/verify.ts';
import type { Keyring } from '#lib/keyring/keyring.ts';
import type { Clock } from '#lib/run/clock.ts';
import type { Random } from '#lib/run/random.ts';
import { type Listener, SmtpServer } from '../accept/smtp/listener.ts';
import { defaultLimits } from '../accept/smtp/limits.ts';
import { openReception } from '../accept/reception.ts';
import type { Envelope, SmtpObserver, SmtpPolicy } from '../accept/smtp/submission.ts';
import { fieldsNamed, fieldValue, readHeader } from '../mail/header.ts';
import { domainOf, newMessageId } from '../mail/message.ts';
import { type Reply, reply } from '../mail/reply.ts';
import type { Address } from '#lib/http/address.ts';

export interface ReceiverOptions {
  readonly address: Address;
  readonly hostname: string;
  /** Where messages are kept, the newest `KEPT` of them. */
  readonly folder: string;
  readonly keyring: () => Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly secureContext: () => SecureContext;
  /** Shows one line to whoever is looking. */
  readonly show: (line: string) => void;
}

const KEPT = 1000;
const QUIET: SmtpObserver = { opened() {}, closed() {}, turnedAway() {}, replied() {}, failed() {} };
/** A receiver trusts everybody: there is nobody to be. */
const ANYBODY = {};

export async function startReceiver(options: ReceiverOptions): Promise<Listener> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const { hostname, clock } = options;
  const policy = receiverPolicy(options);
  const limits = () => defaultLimits;
  const server = new SmtpServer({ hostname, policy, clock, limits, ...openReception(limits), observer: QUIET });
  return server.listen({
    name: 'receiver',
    ...options.address,
    implicitTls: false,
    authRequired: false,
    secureContext: options.secureContext,
  });
}

function receiverPolicy(options: ReceiverOptions): SmtpPolicy<typeof ANYBODY> {
  return {
    trust: () => ANYBODY,
    authenticate: async () => ({ kind: 'wrong' }),
    sharers: () => ['anybody'],
    mail: () => undefined,
    rcpt: (_, __, recipient) =>
      domainOf(recipient).endsWith('.test')
        ? undefined
        : reply(550, '5.7.1', 'this receiver takes mail for *.test only'),
    accept: (_, __, envelope, raw) => keep(options, envelope, raw),
  };
}

async function keep(options: ReceiverOptions, envelope: Envelope, raw: Buffer): Promise<Reply> {
  const { folder, clock, random, show } = options;
  const id = newMessageId(clock.now(), random);
  const file = join(folder, `${id}.eml`);
  await writeFile(file, raw);
  await dropOldest(folder);
  const verdicts = await verifyDkim(raw, async (name) => publishedRecords(options.keyring(), name), clock.now());
  const dkim = verdicts.map((it) => `${it.result} (${it.algorithm} ${it.selector} ${it.domain})`).join(', ');
  const { sender, recipients } = envelope;
  const about = `<${sender}> → ${recipients.join(', ')}  "${subjectOf(raw)}"  dkim: ${dkim || 'none'}`;
  show(`received  ${visible(about)}  ${file}`);
  return reply(250, '2.0.0', `received as ${id}`);
}

/** Ids sort by time, so the first names are the oldest. */
async function dropOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).toSorted();
  for (const name of names.slice(0, Math.max(names.length - KEPT, 0))) await rm(join(folder, name), { force: true });
}

/** What DNS would say of `<selector>._domainkey.<domain>`. */
function publishedRecords(keyring: Keyring, name: string): string[] {
  const [selector = '', domain = ''] = name.split('._domainkey.');
  return keyring
    .signingKeys(domain)
    .filter((it) => it.selector === selector)
    .map((it) => it.record);
}

/** For a person's eyes: control characters are gone, so it can neither end the line nor move the cursor. */
const visible = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');

function subjectOf(raw: Buffer): string {
  const reading = readHeader(raw);
  const [field] = reading.kind === 'header' ? fieldsNamed(reading.header, 'subject') : [];
  const text = field && reading.kind === 'header' ? fieldValue(reading.header, field) : '';
  return text.slice(0, 80);
}
