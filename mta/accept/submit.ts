/**
 * One submitted message → durably queued, or refused with the reason. The last step of every way in.
 *
 * When `submit` answers `accepted`, the message is on disk for all its recipients; when it answers `refused`, nothing
 * of it is. A queue that cannot be written is the sender's cue to keep the message: 452 for a full disk, 451 else.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { Resources } from '#crds/source/resources.ts';
import type { Clock, Duration, Instant } from '#lib/run/clock.ts';
import { hours, seconds } from '#lib/run/clock.ts';
import { codeOf } from '#lib/run/fault.ts';
import type { Random } from '#lib/run/random.ts';
import type { TraceContext } from '#lib/trace/context.ts';
import type { Tracer } from '#lib/trace/tracer.ts';
import type { DsnRequest } from '../mail/dsn-request.ts';
import { type Header, readHeader } from '../mail/header.ts';
import { type Labels, type Message, newMessageId } from '../mail/message.ts';
import type { PutOnce, Queue } from '../queue/queue.ts';
import { reply } from '../mail/reply.ts';
import { endAccept } from './accept-span.ts';
import { type Admitted, admitHeader } from './admit.ts';
import type { Authority, Submitter } from './authority.ts';
import { readInstructions } from './instructions.ts';
import type { Suppressions } from '../settle/ledger/suppressions.ts';
import type { QuotaClaim, QuotaCount } from './quota.ts';
import {
  allSuppressed,
  hashOf,
  keyOf,
  noSpace,
  overQuota,
  type Refused,
  refused,
  repeated,
  type Submission,
  type Submitted,
} from './submitted.ts';
import { noteOf, sift, type Sifted } from './suppressed.ts';
import { stamp, type StampContext } from './stamp.ts';
import { type Timing, timingOf } from './timing.ts';

export interface SubmitterOptions {
  readonly authority: Authority;
  readonly queue: Queue;
  readonly quotas: QuotaCount;
  readonly suppressions: Pick<Suppressions, 'match'>;
  readonly resources: () => Resources;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Told of each message that was accepted, and how long that took. Must not throw. */
  readonly accepted: (message: Message, took: Duration) => void;
  /** Told when the queue could not be written. Must not throw. */
  readonly troubled: (thrown: unknown) => void;
}

const NO_UTF8 = 'the message was announced as SMTPUTF8, and its header is not UTF-8';
/** How long a key is known. */
const REPEATABLE: Duration = hours(24);

const TWO_KEYS = 'the Idempotency-Key is there twice: as X-Postfleet-Idempotency-Key too';

/** What a sender's instructions come to. */
interface Instructed {
  readonly timing: Timing;
  readonly labels: Labels | undefined;
  readonly priority: Message['priority'];
  readonly once: Submission['once'];
  readonly trace: TraceContext | undefined;
}

/** A submission whose header was read and admitted. */
interface ReadThrough {
  readonly reading: { readonly header: Header };
  readonly admitted: Admitted;
  readonly instructed: Instructed;
  readonly begun: Duration;
}

const DEFAULT_LIFE_SECONDS = 259_200;

export class Submissions {
  readonly #options: SubmitterOptions;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  async submit(submitter: Submitter, submission: Submission): Promise<Submitted> {
    const begun = this.#options.clock.monotonic();
    const reading = readHeader(submission.raw);
    if (reading.kind === 'malformed') return refused('header', reply(550, '5.6.0', reading.problem));
    if (reading.kind === 'too-large') return refused('header', reply(552, '5.3.4', reading.problem));
    const utf8 = submission.smtpUtf8 === true;
    if (utf8 && !isUtf8(headerOf(submission.raw))) return refused('header', reply(550, '5.6.7', NO_UTF8));
    const admitted = admitHeader(this.#options.authority, submitter, reading.header, utf8);
    if ('check' in admitted) return { kind: 'refused', ...admitted };
    const instructed = this.#instructed(submission, reading.header);
    if ('check' in instructed) return instructed;
    const { tracer } = this.#options;
    if (!tracer) return this.#take(submitter, submission, { reading, admitted, instructed, begun });
    return this.#traced(tracer, submitter, submission, { reading, admitted, instructed, begun });
  }

  /** As a span, under which everything that becomes of the message belongs. */
  async #traced(tracer: Tracer, submitter: Submitter, submission: Submission, read: ReadThrough): Promise<Submitted> {
    const { clock } = this.#options;
    const at = clock.now() - (clock.monotonic() - read.begun);
    const span = tracer.start('accept', 'server', at, read.instructed.trace);
    const instructed = { ...read.instructed, trace: span.context };
    const submitted = await this.#take(submitter, submission, { ...read, instructed });
    endAccept(span, submitter, submission, submitted, clock.now());
    return submitted;
  }

  async #take(submitter: Submitter, submission: Submission, read: ReadThrough): Promise<Submitted> {
    const { reading, admitted, instructed, begun } = read;
    const named = [...new Set(submission.recipients)];
    const sifted = await this.#sift(submitter, submission.via, named);
    if ('kind' in sifted) return sifted;
    const { recipients, suppressed } = sifted;
    const { once } = instructed;
    if (recipients.length === 0) return this.#unlessRepeated(submitter, once, named, allSuppressed(suppressed));
    const claims = this.#claims(submitter, admitted);
    const now = this.#options.clock.now();
    const taking = this.#options.quotas.take(claims, recipients.length, now);
    const exceeded = taking instanceof Promise ? await taking : taking;
    if (exceeded) return this.#unlessRepeated(submitter, once, named, overQuota(exceeded, recipients.length));
    const stampWith = (context: StampContext): Buffer => stamp(reading.header, context);
    return this.#counted(claims, recipients.length, now, () => {
      const message = this.#message(submitter, submission, admitted, recipients, instructed, stampWith);
      return this.#enqueue(message, once, named, sifted, begun);
    });
  }

  /** What was taken of quotas at `then` is given back unless `put` accepts, also when it throws. */
  async #counted(
    claims: readonly QuotaClaim[],
    amount: number,
    then: Instant,
    put: () => Promise<Submitted>,
  ): Promise<Submitted> {
    let submitted: Submitted | undefined;
    try {
      submitted = await put();
      return submitted;
    } finally {
      if (submitted?.kind !== 'accepted') this.#options.quotas.giveBack(claims, amount, then);
    }
  }

  /** By SMTP who is suppressed was refused at RCPT, or ends with a report: nobody is left out in silence. */
  async #sift({ tenant }: Submitter, via: Message['via'], named: readonly string[]): Promise<Sifted | Refused> {
    if (via !== 'http') return { recipients: named, suppressed: [] };
    try {
      return await sift(this.#options.suppressions, tenant, named);
    } catch (thrown) {
      return this.#unstored(thrown);
    }
  }

  /** What was accepted before is answered as it was then, whatever would refuse it now. */
  async #unlessRepeated(
    { tenant }: Submitter,
    once: Submission['once'],
    named: readonly string[],
    refusal: Refused,
  ): Promise<Submitted> {
    if (!once) return refusal;
    try {
      const known = await this.#options.queue.known({ ...once, key: keyOf(tenant, once) });
      return (known && repeated(known, named)) ?? refusal;
    } catch (thrown) {
      return this.#unstored(thrown);
    }
  }

  /** What the sender said beside the message and in its header; each thing in one place only. */
  #instructed(submission: Submission, header: Header): Instructed | Refused {
    const reading = readInstructions(header);
    if (reading.kind === 'invalid') return refused('header', reply(550, '5.6.0', reading.problem));
    const { labels, priority, key, trace, ...times } = { ...submission.instructions, ...reading.instructions };
    if (key !== undefined && submission.once) return refused('header', reply(550, '5.6.0', TWO_KEYS));
    const timing = timingOf(times, this.#options.clock.now(), seconds(this.#lifeSeconds()));
    if ('problem' in timing) return refused('header', reply(550, '5.6.0', timing.problem));
    const once = key === undefined ? submission.once : { key, hash: hashOf(submission, header) };
    return { timing, labels, priority, once, trace: trace ?? submission.trace };
  }

  #message(
    submitter: Submitter,
    submission: Submission,
    admitted: Admitted,
    recipients: readonly string[],
    { timing, labels, priority, trace }: Instructed,
    stampWith: (context: StampContext) => Buffer,
  ): Message {
    const now = this.#options.clock.now();
    const id = newMessageId(now, this.#options.random);
    const { protocol, peer } = submission;
    const { hostname } = this.#options;
    const date = timing.notBefore ?? now;
    const raw = stampWith({ id, now, date, hostname, domain: admitted.domain, protocol, peer, recipients });
    return {
      id,
      acceptedAt: now,
      ...timing,
      tenant: submitter.tenant,
      credential: submitter.username,
      domain: admitted.domain,
      pool: admitted.pool,
      via: submission.via,
      sender: submission.sender,
      body: isAscii(raw) ? '7BIT' : '8BITMIME',
      recipients,
      ...(submission.smtpUtf8 && !isAscii(headerOf(raw)) && { utf8: true }),
      ...(submission.dsn && { dsn: onlyOf(submission.dsn, submission.recipients, recipients) }),
      raw,
      ...(labels && { labels }),
      ...(priority && { priority }),
      ...(trace && { trace }),
    };
  }

  async #enqueue(
    message: Message,
    once: Submission['once'],
    named: readonly string[],
    sifted: Sifted,
    begun: Duration,
  ): Promise<Submitted> {
    try {
      const before = repeated(await this.#put(message, once, noteOf(sifted)), named);
      if (before) return before;
    } catch (thrown) {
      return this.#unstored(thrown);
    }
    this.#options.accepted(message, this.#options.clock.monotonic() - begun);
    return { kind: 'accepted', message, suppressed: sifted.suppressed };
  }

  #unstored(thrown: unknown): Refused {
    this.#options.troubled(thrown);
    const full = codeOf(thrown) === 'storage-full';
    return refused('storage', full ? noSpace : reply(451, '4.3.0', 'the queue cannot be written: try again later'));
  }

  async #put(message: Message, once: Submission['once'], note: string): Promise<PutOnce> {
    const { queue } = this.#options;
    if (once) {
      const until = message.acceptedAt + REPEATABLE;
      return queue.putOnce(message, { key: keyOf(message.tenant, once), hash: once.hash, until, note });
    }
    await queue.put(message);
    return { kind: 'put' };
  }

  #claims(submitter: Submitter, { domain }: Admitted): QuotaClaim[] {
    const resources = this.#options.resources();
    const claim = resources.claimsTo(domain).find((it) => it.metadata.namespace === submitter.tenant);
    return [
      {
        subject: `credential ${submitter.username}`,
        quota: resources.credential(submitter.username)?.spec.quota ?? {},
      },
      { subject: `domain ${domain}`, quota: claim?.spec.quota ?? {} },
    ];
  }

  #lifeSeconds(): number {
    return this.#options.resources().clusters[0]?.spec.defaults.expireAfterSeconds ?? DEFAULT_LIFE_SECONDS;
  }
}

function headerOf(raw: Buffer): Buffer {
  const end = raw.indexOf('\r\n\r\n');
  return raw.subarray(0, end < 0 ? raw.length : end);
}

/** A recipient named twice gets one copy, and what was asked the first time counts. */
const onlyOf = (dsn: DsnRequest, named: readonly string[], kept: readonly string[]): DsnRequest => ({
  ...dsn,
  recipients: kept.map((recipient) => dsn.recipients[named.indexOf(recipient)] ?? {}),
});
