import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reply } from '#mta/mail/reply.ts';
import { advance, takesFrames } from './dialogue.ts';
import { defaultLimits } from './limits.ts';
import { type Input, type Rules, type State, type Step, isReceiving, openingState } from './state.ts';
import { runs } from '../../../test/harness/runs.ts';

const LIMITS = { ...defaultLimits, recipients: 3, errors: 8, junk: 12 };
const rules: Rules<string> = {
  hostname: 'mail.example',
  limits: () => LIMITS,
  policy: {
    mail: (_identity, sender) => (sender.startsWith('refused') ? reply(550, '5.7.1', 'No') : undefined),
    rcpt: (_identity, _sender, to) => (to.startsWith('nobody') ? reply(550, '5.1.1', 'No') : undefined),
  },
  trusted: undefined,
  authRequired: true,
  canSecure: true,
  hasRoom: () => true,
};

const line = (text: string): Input<string> => ({ kind: 'line', line: Buffer.from(text), hasMore: false });

/** Every input there is, in any order, whether or not it fits the state. */
const anyInput: fc.Arbitrary<Input<string>> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .constantFrom(
        'EHLO c.example',
        'HELO c.example',
        'MAIL FROM:<a@b.example>',
        'MAIL FROM:<refused@b.example>',
        'MAIL FROM:<>',
        'RCPT TO:<c@d.example>',
        'RCPT TO:<nobody@d.example>',
        'DATA',
        'RSET',
        'NOOP',
        'VRFY x',
        'STARTTLS',
        'BDAT 1',
        'BDAT 2000',
        'BDAT 2 LAST',
        'BDAT x',
        'AUTH PLAIN AHVzZXIAc2VjcmV0',
        'AUTH LOGIN',
        'dXNlcg==',
        '*',
        'GET /',
        '',
      )
      .map(line),
  },
  fc.constant<Input<string>>({ kind: 'message', raw: Buffer.from('x\r\n') }),
  fc.constant<Input<string>>({ kind: 'bad-message', problem: 'bare-newline' }),
  fc.constant<Input<string>>({ kind: 'chunk' }),
  fc.constant<Input<string>>({ kind: 'discarded' }),
  fc.constant<Input<string>>({ kind: 'bad-line', problem: 'long-line' }),
  fc.constant<Input<string>>({ kind: 'accepted', reply: reply(250, '2.0.0', 'Queued') }),
  fc.constant<Input<string>>({ kind: 'accepted', reply: reply(451, '4.3.0', 'Later') }),
  fc.constant<Input<string>>({ kind: 'authenticated', identity: 'user' }),
  fc.constant<Input<string>>({ kind: 'not-authenticated', because: 'wrong' }),
  fc.constant<Input<string>>({ kind: 'secured', tls: 'TLSv1.3' }),
);

/** Whether the shell would ever give this input in this state. */
function fits(state: State<string>, input: Input<string>): boolean {
  switch (input.kind) {
    case 'line':
    case 'bad-line':
      return takesFrames(state) && !isReceiving(state.phase);
    case 'message':
      return state.phase.kind === 'receiving' || (state.phase.kind === 'chunk' && state.phase.isLast);
    case 'bad-message':
      return state.phase.kind === 'receiving' || state.phase.kind === 'chunk';
    case 'chunk':
      return state.phase.kind === 'chunk' && !state.phase.isLast;
    case 'discarded':
      return state.phase.kind === 'discarding';
    case 'accepted':
      return state.phase.kind === 'accepting';
    case 'secured':
      return state.phase.kind === 'handshake';
    default:
      return state.phase.kind === 'authenticating';
  }
}

interface Turn {
  readonly before: State<string>;
  readonly input: Input<string>;
  readonly step: Step<string>;
}

/** What a peer that wants to send mail, and the shell, would say next. */
function onward({ phase, tls, identity }: State<string>): Input<string> {
  switch (phase.kind) {
    case 'start':
      return line(tls === undefined ? 'STARTTLS' : 'EHLO c.example');
    case 'ready':
      if (tls === undefined) return line('STARTTLS');
      return line(identity === undefined ? 'AUTH PLAIN AHVzZXIAc2VjcmV0' : 'MAIL FROM:<a@b.example>');
    case 'transaction':
      return line(phase.envelope.recipients.length < 2 ? 'RCPT TO:<c@d.example>' : 'DATA');
    case 'chunk':
      return phase.isLast ? { kind: 'message', raw: Buffer.from('x\r\n') } : { kind: 'chunk' };
    case 'chunks':
      return line('BDAT 2 LAST');
    case 'failed':
      return line('RSET');
    case 'discarding':
      return { kind: 'discarded' };
    case 'receiving':
      return { kind: 'message', raw: Buffer.from('x\r\n') };
    case 'accepting':
      return { kind: 'accepted', reply: reply(250, '2.0.0', 'Queued') };
    case 'authenticating':
      return { kind: 'authenticated', identity: 'user' };
    case 'handshake':
      return { kind: 'secured', tls: 'TLSv1.3' };
    default:
      return line('*');
  }
}

/** Every turn of a dialogue that is given these inputs, those left out that do not fit. */
function turns(inputs: readonly (Input<string> | 'onward')[]): Turn[] {
  const taken: Turn[] = [];
  let state = openingState(rules);
  for (const wish of inputs) {
    const input = wish === 'onward' ? onward(state) : wish;
    if (!fits(state, input)) continue;
    taken.push({ before: state, input, step: advance(rules, state, input) });
    state = taken.at(-1)?.step.state ?? state;
  }
  return taken;
}

const wishes = fc.oneof({ weight: 2, arbitrary: fc.constant('onward' as const) }, { weight: 1, arbitrary: anyInput });
const sequences = fc.array(wishes, { minLength: 12, maxLength: 80, size: 'max' }).map(turns);
const ASKS: ReadonlySet<string | undefined> = new Set(['authenticate', 'accept', 'receive-chunk', 'discard']);
const isSaid = (input: Input<string>, pattern: RegExp): boolean =>
  input.kind === 'line' && pattern.test(input.line.toString());

describe('A06 whatever a peer says, in whatever order', () => {
  it('every command has one answer: a reply, a question to the policy, or a wait for the bytes it counted', () => {
    fc.assert(
      fc.property(sequences, (taken) => {
        for (const { step } of taken.filter(({ input: { kind } }) => kind !== 'secured')) {
          const isAsked = ASKS.has(step.effect?.kind);
          const isClosing = step.state.phase.kind === 'closed';
          expect(isAsked ? [0] : isClosing ? [1, 2] : [1]).toContain(step.replies.length);
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  it('a message is taken only after MAIL, RCPT and 354 or BDAT, from somebody who may send', () => {
    let accepts = 0;
    let chunked = 0;
    fc.assert(
      fc.property(sequences, (taken) => {
        for (const { before, step } of taken) {
          const { effect } = step;
          if (effect?.kind !== 'accept') continue;
          accepts += 1;
          const { recipients } = effect.envelope;
          const isChunked = before.phase.kind === 'chunk' && before.phase.isLast;
          if (isChunked) chunked += 1;
          const isWhole = before.phase.kind === 'receiving' || isChunked;
          const isRight = isWhole && before.identity === 'user' && before.tls !== undefined;
          if (!isRight || recipients.length < 1 || recipients.length > 3 || /nobody/.test(recipients.join()))
            return false;
        }
        return true;
      }),
      { numRuns: runs(2000) },
    );
    expect(accepts).toBeGreaterThan(runs(1000));
    expect(chunked).toBeGreaterThan(runs(100));
  });

  it('an envelope never outlives its message, RSET, EHLO or TLS', () => {
    fc.assert(
      fc.property(sequences, (taken) => {
        const ending = taken.filter(
          ({ input }) =>
            ['accepted', 'bad-message', 'secured'].includes(input.kind) || isSaid(input, /^(?:EHLO|HELO|RSET)/),
        );
        for (const { step } of ending) expect(step.state.phase).not.toHaveProperty('envelope');
      }),
      { numRuns: runs(1000) },
    );
  });

  it('after a chunk was refused nothing is taken before its last one or RSET', () => {
    let failed = 0;
    fc.assert(
      fc.property(sequences, (taken) => {
        for (const { before, input, step } of taken.filter((turn) => turn.before.phase.kind === 'failed')) {
          failed += 1;
          expect(before.phase).not.toHaveProperty('envelope');
          const kinds = isSaid(input, /^(?:RSET|EHLO|HELO|STARTTLS)/)
            ? ['ready', 'handshake', 'failed', 'closed']
            : ['failed', 'discarding', 'closed'];
          expect(kinds).toContain(step.state.phase.kind);
        }
      }),
      { numRuns: runs(4000) },
    );
    expect(failed).toBeGreaterThan(runs(100));
  });

  it('A03 nothing is left of what was said before TLS', () => {
    fc.assert(
      fc.property(sequences, (taken) => {
        for (const { step } of taken.filter(({ input }) => input.kind === 'secured'))
          expect(step.state).toEqual(openingState(rules, 'TLSv1.3'));
      }),
      { numRuns: runs(1000) },
    );
  });

  it('A07 nobody goes on for ever without sending mail', () => {
    const idle = fc.constantFrom('EHLO c.example', 'NOOP', 'RSET', 'BDAT x', 'VRFY x', 'AUTH PLAIN', '*').map(line);
    fc.assert(
      fc.property(fc.array(idle, { minLength: 12, maxLength: 30 }), (inputs) => {
        expect(turns(inputs).at(-1)?.step.state.phase.kind).toBe('closed');
      }),
    );
  });

  it('a closed dialogue says and does nothing', () => {
    const closed: State<string> = { ...openingState(rules), phase: { kind: 'closed' } };
    fc.assert(
      fc.property(anyInput, (input) => {
        expect(advance(rules, closed, input)).toEqual({ state: closed, replies: [], subject: 'connection' });
      }),
    );
  });
});

describe('draining', () => {
  it('closes at once what is idle, and an open transaction after its message', () => {
    const ready = turns([line('EHLO c.example')])[0]?.step.state ?? openingState(rules);
    expect(advance(rules, ready, { kind: 'draining' }).replies).toMatchObject([{ code: 421, enhanced: '4.3.2' }]);

    const envelope = { sender: '', recipients: ['a@b.example'], body: '7BIT' } as const;
    const receiving: State<string> = { ...ready, phase: { kind: 'receiving', envelope } };
    const draining = advance(rules, receiving, { kind: 'draining' });
    expect(draining).toMatchObject({ replies: [], state: { phase: { kind: 'receiving' } } });
    const accepting = advance(rules, draining.state, { kind: 'message', raw: Buffer.alloc(0) });
    const done = advance(rules, accepting.state, { kind: 'accepted', reply: reply(250, '2.0.0', 'Queued') });
    expect(done.replies.map(({ code }) => code)).toEqual([250, 421]);
    expect(done.effect).toEqual({ kind: 'close' });
  });
});
