/**
 * Takes messages by HTTP: what was sent is read, composed if need be, and submitted like any other.
 *
 * 202 means what 250 means by SMTP: the message is on disk for all its recipients. Anything else means that nothing of
 * it is. Left to others: who may (`api.ts`), what is allowed (`../admit.ts`).
 */
import { createHash } from 'node:crypto';
import { type Answer, type Asked, json } from '#lib/http/server.ts';
import { composeMail } from '#lib/mail/mail.ts';
import { readTraceContext } from '#lib/trace/context.ts';
import { metrics } from '#lib/run/metrics.ts';
import type { Message } from '../../mail/message.ts';
import { admitSender } from '../admit.ts';
import type { Authority, Submitter } from '../authority.ts';
import { isKey, SAYS_KEY } from '../instructions.ts';
import type { Submissions } from '../submit.ts';
import type { Submission } from '../submitted.ts';
import type { Sifted } from '../suppressed.ts';
import { readDraft } from './draft.ts';
import { readJson } from '#lib/http/json.ts';
import { invalid, refusalOf, tooLarge, unreadable, unsupported } from './problem.ts';
import { readRaw } from './raw.ts';
import { MOST_MESSAGES } from './schema.ts';

export const JSON_TYPE = 'application/json';
export const RAW_TYPE = 'message/rfc822';

/** More values than a message with every list full has. */
const MOST_VALUES = 20_000;

/** What to submit, or why not. */
type Prepared = Pick<Submission, 'sender' | 'recipients' | 'raw' | 'instructions'> | Answer;

type Once = Submission['once'];

/** What a message may have, as the cluster says now. */
export type MessageLimits = () => { readonly messageBytes: number; readonly recipients: number };

export class MessageIntake {
  readonly #authority: Authority;
  readonly #submissions: Submissions;
  readonly #limits: MessageLimits;

  constructor(authority: Authority, submissions: Submissions, limits: MessageLimits) {
    this.#authority = authority;
    this.#submissions = submissions;
    this.#limits = limits;
  }

  async one(submitter: Submitter, asked: Asked): Promise<Answer> {
    const type = typeOf(asked);
    const once = onceOf(asked);
    if (once && 'status' in once) return once;
    if (type === RAW_TYPE) return this.#submit(submitter, asked, prepareRaw(asked, this.#limits), once);
    if (type !== JSON_TYPE) return unsupported(JSON_TYPE, RAW_TYPE);
    const reading = readJson(asked.body, MOST_VALUES);
    if (reading.kind === 'unreadable') return unreadable(reading.problem);
    return this.#submit(submitter, asked, await prepareDraft(reading.value, this.#limits), once);
  }

  /** Each message has an answer of its own: one that is refused does not stop the others. */
  async batch(submitter: Submitter, asked: Asked): Promise<Answer> {
    if (typeOf(asked) !== JSON_TYPE) return unsupported(JSON_TYPE);
    const once = onceOf(asked);
    if (once && 'status' in once) return once;
    const reading = readJson(asked.body, MOST_VALUES);
    if (reading.kind === 'unreadable') return unreadable(reading.problem);
    const { value } = reading;
    if (!Array.isArray(value) || value.length === 0 || value.length > MOST_MESSAGES)
      return invalid([{ pointer: '', detail: `must be a list of 1 to ${MOST_MESSAGES} messages` }]);
    const results: Promise<object>[] = [];
    for (const [at, message] of value.entries()) {
      const prepared = await prepareDraft(message, this.#limits);
      const own = once && { ...once, key: `${once.key} ${at}` };
      results.push(this.#submit(submitter, asked, prepared, own).then(resultOf));
    }
    return json({ results: await Promise.all(results) });
  }

  async #submit(submitter: Submitter, asked: Asked, prepared: Prepared, once: Once): Promise<Answer> {
    if ('status' in prepared) return prepared;
    const refusal = admitSender(this.#authority, submitter, prepared.sender, 'HTTP');
    if (refusal) return refused({ kind: 'refused', ...refusal });
    const { address, tls } = asked.peer;
    const peer = { ehlo: '', address, tls };
    const protocol = tls === undefined ? 'HTTP' : 'HTTPS';
    const submitted = await this.#submissions.submit(submitter, {
      via: 'http',
      ...prepared,
      protocol,
      peer,
      trace: readTraceContext(asked.header('traceparent'), asked.header('tracestate')),
      ...(once && { once }),
    });
    if (submitted.kind === 'refused') return refused(submitted);
    if (submitted.kind === 'accepted') return accepted({ ...submitted.message, suppressed: submitted.suppressed });
    return { ...accepted(submitted), headers: { 'idempotency-replayed': 'true' } };
  }
}

function refused(refusal: Parameters<typeof refusalOf>[0]): Answer {
  metrics.refused.inc({ check: refusal.check });
  return refusalOf(refusal);
}

function accepted({ id, recipients, suppressed }: Pick<Message, 'id'> & Sifted): Answer {
  const taken = recipients.map((address, index) => ({ id: `${id}-${index}`, address }));
  return json({ id, recipients: taken, ...(suppressed.length > 0 && { suppressed }) }, 202);
}

/** An answer within an answer. */
const resultOf = ({ status, body }: Answer): object => ({ ...(JSON.parse(body) as object), status });

/**
 * The request's own name for itself, if it has one, and what tells it from others. Keys of a message and of a batch's
 * messages never meet: a key has no space.
 */
function onceOf(asked: Asked): Once | Answer {
  const key = asked.header('idempotency-key');
  if (key === '') return undefined;
  if (!isKey(key)) return unreadable(`Idempotency-Key ${SAYS_KEY}`);
  const asking = `${typeOf(asked)}\n${asked.query.toString()}\n`;
  return { key, hash: createHash('sha256').update(asking).update(asked.body).digest('base64') };
}

/** In lower case, without parameters; '' when the body is encoded, which nobody needs and bombs do. */
export const typeOf = (asked: Asked): string =>
  asked.header('content-encoding') === ''
    ? (asked.header('content-type').split(';')[0] ?? '').trim().toLowerCase()
    : '';

function prepareRaw({ body, query }: Asked, limits: MessageLimits): Prepared {
  const reading = readRaw(body, query, limits().recipients);
  return reading.kind === 'invalid' ? invalid(reading.errors) : reading;
}

async function prepareDraft(value: unknown, limits: MessageLimits): Promise<Prepared> {
  const { messageBytes, recipients: most } = limits();
  const reading = readDraft(value, most);
  if (reading.kind === 'invalid') return invalid(reading.errors);
  const { sender, recipients, mail, instructions } = reading.draft;
  const raw = await composeMail(mail);
  if (raw.length > messageBytes) return tooLarge(`the message would have more than ${messageBytes} bytes`);
  return { sender, recipients, raw, instructions };
}
