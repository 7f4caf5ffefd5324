import { expect, test } from 'vitest';
import type { Stage } from '../attempt.ts';
import { reply } from '../reply.ts';
import { classify } from './classify.ts';

interface Case {
  stage: Stage;
  code: number;
  inDoubt?: boolean;
  want: string;
  why: string;
}

test.each<Case>([
  { stage: 'transaction', code: 250, want: 'delivered', why: 'the peer took it' },
  { stage: 'transaction', code: 252, want: 'delivered', why: 'any 2xx is acceptance' },
  { stage: 'transaction', code: 550, want: 'bounced', why: 'the peer refused it for good' },
  { stage: 'transaction', code: 450, want: 'later', why: 'the peer asks for a later try' },
  { stage: 'transaction', code: 421, want: 'later', why: 'the peer closes' },
  { stage: 'transaction', code: 354, want: 'later', why: 'out of place means the dialogue is broken' },
  { stage: 'transaction', code: 0, want: 'later', why: 'nobody knows' },
  { stage: 'transaction', code: 554, inDoubt: true, want: 'later', why: 'the peer may have taken it' },
  { stage: 'connect', code: 554, want: 'later', why: 'a greeting says nothing about the message' },
  { stage: 'connect', code: 451, want: 'later', why: 'the host is away' },
  { stage: 'connect', code: 250, want: 'later', why: 'a greeting is no delivery' },
  { stage: 'resolve', code: 550, want: 'bounced', why: 'no such domain' },
  { stage: 'resolve', code: 556, want: 'bounced', why: 'null MX' },
  { stage: 'resolve', code: 451, want: 'later', why: 'DNS is away' },
  { stage: 'local', code: 554, want: 'bounced', why: 'it cannot be sent in this form' },
  { stage: 'local', code: 451, want: 'later', why: 'our own fault is never final' },
])('$stage $code means $want: $why', ({ stage, code, inDoubt = false, want }) => {
  expect(classify({ stage, reply: reply(code, '', ''), own: false, inDoubt })).toBe(want);
});
