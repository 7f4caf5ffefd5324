/**
 * Questions to whoever answers for a subject, without streams. An answer comes in parts that the servers take, and while it is
 * being worked at a sign of life comes each second: whoever asks waits for as long as somebody works, and no longer.
 */
import { type Clock, type Duration, seconds, type Timer } from '../run/clock.ts';
import { codeOf, Fault, reasonOf } from '../run/fault.ts';
import type { Connection, Heard } from './connection.ts';

/** It is not the last part. */
const MORE = 'More';
/** There is no answer, for this reason: a code, and the payload in words. */
const FAULT = 'Fault';
/** Tells the answers of several apart. */
const BY = 'By';

const SIGN_EVERY: Duration = seconds(1);
const SILENT_AFTER: Duration = seconds(3);
const NOTHING = Buffer.alloc(0);

/**
 * The parts of the answer. Faults: `nats-nobody` when nobody answers for the subject, or whoever does falls silent, and then it is
 * not known whether what was asked was done; what whoever answers faulted with, under its code.
 */
export function ask(connection: Connection, clock: Clock, subject: string, question: Uint8Array): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let timer: Timer | undefined;
    const end = (finish: () => void): void => {
      timer?.cancel();
      heard.stop();
      finish();
    };
    const fail = (code: string, sentence: string) => end(() => reject(new Fault(code, sentence)));
    const wait = (): void => {
      timer?.cancel();
      timer = clock.after(SILENT_AFTER, () => fail('nats-nobody', `who answers for ${subject} has fallen silent`));
    };
    const inbox = connection.newInbox();
    const heard = connection.hear(inbox, (it) => {
      const code = it.header(FAULT);
      if (it.isNobody) return fail('nats-nobody', `nobody answers for ${subject}`);
      if (code !== '') return fail(code, it.payload.toString());
      if (it.payload.length > 0) parts.push(it.payload);
      return it.header(MORE) === '' ? end(() => resolve(parts)) : wait();
    });
    wait();
    connection.publish({ subject, headers: {}, payload: question }, inbox);
  });
}

/** Works at a question; undefined: it is not for this process to answer. */
export type Work = (question: Buffer) => Promise<readonly Uint8Array[] | undefined>;

/** Answers for a subject until it is stopped; `by`, where several do: a name that nobody else gives. */
export function answer(connection: Connection, clock: Clock, subject: string, work: Work, by = ''): { stop(): void } {
  return connection.hear(subject, (it) => void answerOne(connection, clock, it, work, by));
}

async function answerOne(
  connection: Connection,
  clock: Clock,
  { payload, replyTo }: Heard,
  work: Work,
  by: string,
): Promise<void> {
  const say = (headers: Readonly<Record<string, string>>, part: Uint8Array): void =>
    connection.publish({ subject: replyTo, headers: { ...headers, ...(by !== '' && { [BY]: by }) }, payload: part });
  const sign = (): Timer =>
    clock.after(SIGN_EVERY, () => {
      say({ [MORE]: '1' }, NOTHING);
      timer = sign();
    });
  let timer = sign();
  try {
    const parts = await work(payload);
    if (!parts) return;
    for (const part of parts) say({ [MORE]: '1' }, part);
    say({}, NOTHING);
  } catch (thrown) {
    say({ [FAULT]: codeOf(thrown) || 'failed' }, Buffer.from(reasonOf(thrown)));
  } finally {
    timer.cancel();
  }
}

export interface AskingAll {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly subject: string;
  readonly question: Uint8Array;
  /** Whether the answers that have come whole are all that are needed: looked at when one has. */
  readonly isEnough: (answers: readonly (readonly Buffer[])[]) => boolean;
  /** How long others may still answer when there are enough. */
  readonly linger?: Duration;
}

export interface Gathered {
  /** Each in its parts. */
  readonly answers: readonly (readonly Buffer[])[];
  /** What those who could not answer faulted with, in words. */
  readonly faults: readonly string[];
}

/**
 * Asks all who answer for a subject: ends when there are enough answers, or when everybody has been silent for a while. Who died at it
 * has not answered; it is then not known whether what was asked was done there.
 */
export function askAll({ connection, clock, subject, question, isEnough, linger = 0 }: AskingAll): Promise<Gathered> {
  return new Promise((resolve) => {
    const parts = new Map<string, Buffer[]>();
    const answers: (readonly Buffer[])[] = [];
    const faults: string[] = [];
    let timer: Timer | undefined;
    let isEnding = false;
    const end = (): void => {
      timer?.cancel();
      heard.stop();
      resolve({ answers, faults });
    };
    const endAfter = (wait: Duration): void => {
      timer?.cancel();
      timer = clock.after(wait, end);
    };
    const inbox = connection.newInbox();
    const heard = connection.hear(inbox, (it) => {
      if (it.isNobody) return end();
      const by = it.header(BY);
      const own = parts.get(by) ?? [];
      if (it.payload.length > 0) own.push(it.payload);
      parts.set(by, own);
      if (!isEnding) endAfter(SILENT_AFTER);
      if (it.header(MORE) !== '') return;
      parts.delete(by);
      if (it.header(FAULT) === '') answers.push(own);
      else faults.push(it.payload.toString());
      if (isEnding || !isEnough(answers)) return;
      isEnding = true;
      if (linger === 0) end();
      else endAfter(linger);
    });
    endAfter(SILENT_AFTER);
    connection.publish({ subject, headers: {}, payload: question }, inbox);
  });
}
