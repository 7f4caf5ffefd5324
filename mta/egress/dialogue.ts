/**
 * The proxy's side of SOCKS5 as a state machine without I/O: (rules, state, input) → next state, an answer, at most one effect.
 *
 *     greeting ──► login ──► request ── BIND ──► binding ──► bound ── CONNECT ──► connecting ──► relaying
 *         └───── nobody is asked ─────▲           'bind'                           'connect'      'relay'
 *
 *      any state ── what is refused, cannot be read, or fails ──► closed
 *
 * A connection leaves from the address that BIND named, port 0 (KumoProxy's form of it); without one it leaves from nowhere.
 * Promises: never throws; one answer per frame, in order; a `connect` only after a `bind` that went well; what is refused
 * ends the conversation, and nothing comes out of `closed`. `binding` and `connecting` take no frames: the caller holds them back.
 */
import {
  COMMANDS,
  type Login,
  METHODS,
  type Place,
  type Reading,
  REPLIES,
  type Request,
  loginVerdict,
  method,
  readGreeting,
  readLogin,
  readRequest,
  reply,
} from '#lib/socks/wire.ts';
import type { Outcome } from './outcome.ts';
import { type Refusal, refusalOfDestination, refusalOfSource, type Rules } from './rules.ts';

export interface DialogueRules extends Rules {
  /** Whether a login holds. Absent: nobody is asked for one. */
  readonly knows?: ((login: Login) => boolean) | undefined;
}

export type State =
  | { readonly phase: 'greeting' | 'login' | 'request' | 'relaying' | 'closed' }
  | { readonly phase: 'binding' | 'bound'; readonly from: string }
  | { readonly phase: 'connecting'; readonly from: string; readonly to: Place };

export type Effect =
  | { readonly kind: 'bind'; readonly from: string }
  | { readonly kind: 'connect'; readonly from: string; readonly to: Place }
  | { readonly kind: 'relay' }
  /** `to`: where it was to go, as far as that was said. */
  | { readonly kind: 'close'; readonly outcome: Outcome; readonly asked?: string };

export interface Step {
  readonly state: State;
  readonly answer?: Buffer;
  readonly effect?: Effect;
}

/** What came of a `bind` or `connect`: the address that it has now, or why not. */
export type Attempted =
  | { readonly kind: 'done'; readonly place: Place }
  | { readonly kind: 'failed'; readonly code: number; readonly outcome: Outcome };

export const BEGINNING: State = { phase: 'greeting' };

/** Whether the next frame may be read. */
export const takesFrames = ({ phase }: State): boolean =>
  phase === 'greeting' || phase === 'login' || phase === 'request' || phase === 'bound';

/** Reads one frame from the start of `bytes`. `used` 0: more is needed. Only in a state that takes frames. */
export function hear(rules: DialogueRules, state: State, bytes: Buffer): Step & { readonly used: number } {
  switch (state.phase) {
    case 'greeting':
      return taken(state, readGreeting(bytes), (methods) => greeted(rules, methods));
    case 'login':
      return taken(state, readLogin(bytes), (login) => loggedIn(rules, login));
    default:
      return taken(state, readRequest(bytes), (request) => requested(rules, state, request));
  }
}

/** What came of the effect `bind`. */
export function bound({ phase, ...state }: State, attempted: Attempted): Step {
  if (phase !== 'binding' || !('from' in state)) return { state: CLOSED };
  if (attempted.kind === 'failed') return refused(attempted.code, attempted.outcome, state.from);
  return { state: { phase: 'bound', from: state.from }, answer: reply(REPLIES.done, attempted.place) };
}

/** What came of the effect `connect`. */
export function connected(state: State, attempted: Attempted): Step {
  if (state.phase !== 'connecting') return { state: CLOSED };
  if (attempted.kind === 'failed') return refused(attempted.code, attempted.outcome, wayOf(state.from, state.to));
  return { state: { phase: 'relaying' }, answer: reply(REPLIES.done, attempted.place), effect: { kind: 'relay' } };
}

/** Nothing is waited for any longer. */
export const ended = (outcome: Outcome): Step => ({ state: CLOSED, effect: { kind: 'close', outcome } });

const CLOSED: State = { phase: 'closed' };

const refused = (code: number, outcome: Outcome, asked?: string): Step => ({
  state: CLOSED,
  answer: reply(code),
  effect: { kind: 'close', outcome, ...(asked !== undefined && { asked }) },
});

/** For people: `192.0.2.1 → 198.51.100.7:25`. */
const wayOf = (from: string, { address, port }: Place): string => `${from} → [${address}]:${port}`;

function taken<Frame>(
  state: State,
  reading: Reading<Frame>,
  step: (frame: Frame) => Step,
): Step & { readonly used: number } {
  if (reading.kind === 'more') return { state, used: 0 };
  if (reading.kind === 'frame') return { ...step(reading.frame), used: reading.length };
  const isStranger = state.phase === 'greeting' || state.phase === 'login';
  const unread = reading.problem === 'address-type' ? REPLIES.unknownAddressType : REPLIES.failed;
  const outcome = reading.problem === 'address-type' ? 'address-type' : 'protocol';
  // Who does not speak SOCKS5 gets no answer in it.
  return { ...(isStranger ? ended('protocol') : refused(unread, outcome)), used: 0 };
}

function greeted({ knows }: DialogueRules, methods: readonly number[]): Step {
  const wanted = knows ? METHODS.login : METHODS.none;
  if (methods.includes(wanted)) return { state: { phase: knows ? 'login' : 'request' }, answer: method(wanted) };
  return { ...ended('login'), answer: method(METHODS.noneOfThem) };
}

function loggedIn({ knows }: DialogueRules, login: Login): Step {
  if (knows?.(login)) return { state: { phase: 'request' }, answer: loginVerdict(true) };
  return { ...ended('login'), answer: loginVerdict(false) };
}

function requested(rules: Rules, state: State, { command, place }: Request): Step {
  if (command !== COMMANDS.bind && command !== COMMANDS.connect) return refused(REPLIES.unknownCommand, 'command');
  if (place === 'name') return refused(REPLIES.unknownAddressType, 'address-type');
  if (command === COMMANDS.bind) return state.phase === 'request' ? asksBind(rules, place) : OUT_OF_ORDER;
  return state.phase === 'bound' ? asksConnect(rules, state.from, place) : OUT_OF_ORDER;
}

/** A second BIND; or CONNECT without any, which would leave from an address of the machine's choice. */
const OUT_OF_ORDER = refused(REPLIES.failed, 'command');

function asksBind(rules: Rules, { address, port }: Place): Step {
  const refusal = refusalOfSource({ address, port }, rules);
  if (refusal) return refused(codeOf(refusal), refusal, address);
  return { state: { phase: 'binding', from: address }, effect: { kind: 'bind', from: address } };
}

function asksConnect(rules: Rules, from: string, to: Place): Step {
  const refusal = refusalOfDestination(to, from, rules);
  if (refusal) return refused(codeOf(refusal), refusal, wayOf(from, to));
  return { state: { phase: 'connecting', from, to }, effect: { kind: 'connect', from, to } };
}

const codeOf = (refusal: Refusal): number =>
  refusal === 'address-type' ? REPLIES.unknownAddressType : REPLIES.notAllowed;
