/**
 * The protocol as a state machine without I/O: (rules, state, input) → next state, replies, at most one effect.
 *
 *                    EHLO, HELO                        MAIL
 *      ┌─► start ─────────────────► ready ───────────────────────► transaction ⟲ RCPT
 *      │     │                      │ ▲ ▲ ▲                          │      │
 *      │     │ STARTTLS    STARTTLS │ │ │ └──── RSET, EHLO ──────────┘      │ DATA (354, 'receive')
 *      │     ▼                      │ │ │                                   ▼
 *      └─ handshake ◄───────────────┘ │ └── accepted ── accepting ◄──── receiving
 *       secured: everything           │                 ('accept')  message   │ bad message: refused
 *       said before is forgotten      │                             ready ◄───┘
 *                                     │
 *             ready ── AUTH ──► exchange ⟲ ── credentials ──► authenticating ──► ready
 *
 *             transaction ── RCPT ──► checking ── checked ──► transaction: only where the policy takes its time
 *             transaction ── BDAT ──► chunk ⟲ chunks ── BDAT LAST ──► accepting
 *             a chunk refused ('discarding' its octets) ──► failed ── BDAT LAST, RSET ──► ready
 *
 *      any state ── QUIT, too many errors, time-out, draining without a transaction, `broken` ──► closed
 *
 * Promises: never throws of itself; one reply per command, in order, and a 421 after it when the connection ends;
 * an `accept` only from `receiving` or the last `chunk`, with at least one recipient; an envelope never outlives its
 * message, refused or not; nothing comes out of `closed`. `handshake`, `checking`, `accepting` and `authenticating` take no
 * frames: the caller holds them back.
 */
import { type Reply, isPermanent, isPositive } from '#mta/mail/reply.ts';
import { SMALL_CHUNK, chunkRead, discarded, spoiled } from './chunking.ts';
import { perform, recipientChecked, resumeAuth } from './commands.ts';
import { dataReplies, lineReplies, replies } from './replies.ts';
import { type Answer, type Input, type Rules, type State, type Step, idle, openingState } from './state.ts';
import type { Subject } from './submission.ts';
import { type Command, parseCommand } from './verbs.ts';

/** What one input does. */
export function advance<I>(rules: Rules<I>, state: State<I>, input: Input<I>): Step<I> {
  return state.phase.kind === 'closed' ? silent(state) : settled(rules, state, react(rules, state, input));
}

/** Whether the next frame may be given to `advance`. */
export function takesFrames<I>({ phase }: State<I>): boolean {
  return !(
    phase.kind === 'accepting' ||
    phase.kind === 'checking' ||
    phase.kind === 'authenticating' ||
    phase.kind === 'handshake' ||
    phase.kind === 'closed'
  );
}

function react<I>(rules: Rules<I>, state: State<I>, input: Input<I>): Step<I> {
  switch (input.kind) {
    case 'line':
      return line(rules, state, input.line, input.hasMore);
    case 'bad-line':
      return counted(state, 'unknown', { state: outOfExchange(state), reply: lineReplies[input.problem] });
    case 'message':
      return message(state, input.raw);
    case 'bad-message':
      return counted(state, 'message', {
        state: { ...state, phase: spoiled(state) },
        reply: dataReplies[input.problem],
      });
    case 'chunk':
      return counted(state, 'BDAT', chunkRead(state));
    case 'discarded':
      return counted(state, 'BDAT', discarded(state));
    case 'checked':
      return counted(state, 'RCPT', recipientChecked(state, input.refusal));
    case 'accepted':
      return accepted(state, input.reply);
    case 'authenticated':
      return authenticated(state, input.identity);
    case 'not-authenticated':
      return notAuthenticated(rules, state, input.because);
    case 'secured':
      return silent({ ...openingState(rules, input.tls), draining: state.draining, messages: state.messages });
    case 'timed-out':
      return closed(state, 'connection', [replies.timedOut]);
    case 'draining':
      return silent({ ...state, draining: true });
    default:
      return closed(state, 'connection', [replies.brokenHere]);
  }
}

const silent = <I>(state: State<I>): Step<I> => ({ state, replies: [], subject: 'connection' });

const closed = <I>(state: State<I>, subject: Subject, said: readonly Reply[]): Step<I> => ({
  state: { ...state, phase: { kind: 'closed' } },
  replies: said,
  subject,
  effect: { kind: 'close' },
});

/** Too many errors, or nothing left to wait for: the connection ends with a 421 after the reply. */
function settled<I>(rules: Rules<I>, before: State<I>, step: Step<I>): Step<I> {
  const { state } = step;
  if (state.phase.kind === 'closed' || step.effect) return step;
  const last = lastWord(rules, before, state);
  return last ? closed(state, step.subject, [...step.replies, last]) : step;
}

function lastWord<I>(
  rules: Rules<I>,
  before: State<I>,
  { errors, junk, phase, draining }: State<I>,
): Reply | undefined {
  if (errors > before.errors && errors >= rules.limits().errors) return replies.tooManyErrors;
  if (junk > before.junk && junk >= rules.limits().junk) return replies.tooMuchJunk;
  const isIdle =
    phase.kind === 'start' || phase.kind === 'ready' || phase.kind === 'exchange' || phase.kind === 'failed';
  return draining && isIdle ? replies.shuttingDown : undefined;
}

function line<I>(rules: Rules<I>, state: State<I>, bytes: Buffer, hasMore: boolean): Step<I> {
  if (state.phase.kind === 'exchange')
    return counted(state, 'AUTH', resumeAuth(state, state.phase.exchange, bytes.toString('latin1')));
  const command = parseCommand(bytes, rules.hostname);
  return counted(state, subjectOf(command), perform(rules, state, command, hasMore));
}

function subjectOf(command: Command): Subject {
  if (command.verb === 'refused') return command.subject;
  return command.verb === 'HTTP' || command.verb === 'PROXY' ? 'unknown' : command.verb;
}

const MAIL_COMMANDS: ReadonlySet<Subject> = new Set<Subject>(['MAIL', 'RCPT', 'DATA', 'BDAT', 'message']);

const isJunk = <I>({ phase }: State<I>, subject: Subject): boolean =>
  phase.kind === 'chunk' ? !phase.isLast && phase.size < SMALL_CHUNK : !MAIL_COMMANDS.has(subject);

/**
 * An answer as a step, with errors and junk counted. What the policy refuses counts against strangers only: a known
 * sender's list may hold many bad addresses, and guessing is what strangers do.
 */
function counted<I>(before: State<I>, subject: Subject, answer: Answer<I>): Step<I> {
  const { state, reply, effect } = answer;
  const isForgiven = answer.byPolicy === true && before.identity !== undefined;
  const isError = reply !== undefined && isPermanent(reply) && !isForgiven;
  const errors = state.errors + (isError ? 1 : 0);
  const junk = state.junk + (isJunk(before, subject) ? 1 : 0);
  return { state: { ...state, errors, junk }, replies: reply ? [reply] : [], subject, ...(effect && { effect }) };
}

function message<I>(state: State<I>, raw: Buffer): Step<I> {
  if (state.phase.kind !== 'receiving' && state.phase.kind !== 'chunk') return silent(state);
  const { envelope } = state.phase;
  const accepting: State<I> = { ...state, phase: { kind: 'accepting' } };
  return { state: accepting, replies: [], subject: 'message', effect: { kind: 'accept', envelope, raw } };
}

function accepted<I>(state: State<I>, reply: Reply): Step<I> {
  const ready: State<I> = { ...state, phase: idle(state) };
  if (!isPositive(reply)) return counted(state, 'message', { state: ready, reply, byPolicy: true });
  const messages = state.messages + 1;
  return { state: { ...ready, errors: 0, junk: 0, messages }, replies: [reply], subject: 'message' };
}

function authenticated<I>(state: State<I>, identity: I): Step<I> {
  const known: State<I> = { ...state, phase: idle(state), identity, authenticated: true };
  return { state: known, replies: [replies.authenticated], subject: 'AUTH' };
}

function notAuthenticated<I>(rules: Rules<I>, state: State<I>, because: 'wrong' | 'locked' | 'unavailable'): Step<I> {
  const ready: State<I> = { ...state, phase: idle(state) };
  if (because === 'unavailable') return { state: ready, replies: [replies.cannotAuthenticate], subject: 'AUTH' };
  if (because === 'locked') return closed(ready, 'AUTH', [replies.lockedOut]);
  const loginFailures = state.loginFailures + 1;
  const failed: State<I> = { ...ready, loginFailures };
  if (loginFailures < rules.limits().loginFailures)
    return { state: failed, replies: [replies.wrongCredentials], subject: 'AUTH' };
  return closed(failed, 'AUTH', [replies.wrongCredentials, replies.tooManyLoginFailures]);
}

const outOfExchange = <I>(state: State<I>): State<I> =>
  state.phase.kind === 'exchange' ? { ...state, phase: { kind: 'ready' } } : state;
