/**
 * BDAT (RFC 3030): a message in counted chunks, any number of them, pipelined. Pure.
 *
 * The bytes of a chunk always come, so they are always read: a BDAT that is refused is answered after its bytes were
 * thrown away, and none of them is ever a command. Once a chunk was refused the rest of the transaction is, until its last
 * chunk or RSET. The rules for content are those of DATA; BINARYMIME is not offered.
 */
import type { Reply } from '#mta/mail/reply.ts';
import { chunkTaken, replies } from './replies.ts';
import { type Answer, type Phase, type Rules, type State, idle } from './state.ts';
import type { Command } from './verbs.ts';

type Bdat = Extract<Command, { readonly verb: 'BDAT' }>;

/** A chunk below this that is not the last one moves no mail: it counts as a command that carries none. */
export const SMALL_CHUNK = 1024;

export function bdat<I>(rules: Rules<I>, state: State<I>, { size, isLast }: Bdat): Answer<I> {
  const { phase } = state;
  const refusal = refusalOf(rules, phase);
  if (refusal || (phase.kind !== 'transaction' && phase.kind !== 'chunks'))
    return discard(state, refusal ?? replies.sayMail, size, isLast);
  const next: Phase = { kind: 'chunk', envelope: phase.envelope, size, isLast };
  return { state: { ...state, phase: next }, effect: { kind: 'receive-chunk', size, isLast } };
}

/** After the bytes of a chunk that others follow. */
export function chunkRead<I>(state: State<I>): Answer<I> {
  if (state.phase.kind !== 'chunk') return { state };
  const { envelope, size } = state.phase;
  return { state: { ...state, phase: { kind: 'chunks', envelope } }, reply: chunkTaken(size) };
}

/** After the bytes of a refused BDAT. */
export function discarded<I>(state: State<I>): Answer<I> {
  if (state.phase.kind !== 'discarding') return { state };
  const { reply, next } = state.phase;
  return { state: { ...state, phase: next }, reply };
}

/** Where a message that is refused for its bytes leaves its transaction. */
export const spoiled = <I>(state: State<I>): Phase =>
  state.phase.kind === 'chunk' && !state.phase.isLast ? { kind: 'failed' } : idle(state);

function refusalOf<I>(rules: Rules<I>, phase: Phase): Reply | undefined {
  if (phase.kind === 'failed') return replies.earlierBdatFailed;
  if (phase.kind !== 'transaction') return undefined;
  if (phase.envelope.recipients.length === 0) return replies.noValidRecipients;
  return rules.hasRoom() ? undefined : replies.noRoom;
}

/** The last chunk ends a transaction, whatever became of it; without a transaction nothing is spoiled. */
function discard<I>(state: State<I>, reply: Reply, size: number, isLast: boolean): Answer<I> {
  const isOver = isLast || state.phase.kind === 'start' || state.phase.kind === 'ready';
  const next: Phase = isOver ? idle(state) : { kind: 'failed' };
  return { state: { ...state, phase: { kind: 'discarding', reply, next } }, effect: { kind: 'discard', size } };
}
