import { expect, test } from 'vitest';
import type { Stage } from './attempt.ts';
import { reply } from './reply.ts';
import { type Scope, scopeOf } from './scope.ts';

interface Case {
  what: string;
  stage: Stage;
  code: number;
  own?: boolean;
  inDoubt?: boolean;
  pause?: number;
  scope: Scope;
  counts: boolean;
  strikes: boolean;
}

test.each<Case>([
  { what: 'DNS does not answer', stage: 'resolve', code: 451, own: true, scope: 'site', counts: false, strikes: true },
  { what: 'no such domain', stage: 'resolve', code: 550, own: true, scope: 'recipient', counts: true, strikes: false },
  { what: 'null MX', stage: 'resolve', code: 556, own: true, scope: 'recipient', counts: true, strikes: false },
  {
    what: 'no host offers SMTPUTF8',
    stage: 'local',
    code: 553,
    own: true,
    scope: 'message',
    counts: true,
    strikes: false,
  },
  { what: 'no DKIM key', stage: 'local', code: 451, own: true, scope: 'message', counts: true, strikes: false },
  {
    what: 'held back',
    stage: 'local',
    code: 451,
    own: true,
    pause: 1,
    scope: 'message',
    counts: false,
    strikes: false,
  },
  { what: 'source unplumbed', stage: 'bind', code: 451, own: true, scope: 'source', counts: false, strikes: true },
  { what: 'refused, timed out', stage: 'connect', code: 451, own: true, scope: 'host', counts: false, strikes: true },
  { what: 'private address', stage: 'connect', code: 550, own: true, scope: 'host', counts: false, strikes: true },
  { what: 'banner 421', stage: 'banner', code: 421, scope: 'host', counts: false, strikes: true },
  { what: 'banner 554', stage: 'banner', code: 554, scope: 'host', counts: false, strikes: true },
  { what: 'EHLO refused', stage: 'ehlo', code: 550, scope: 'host', counts: false, strikes: true },
  { what: 'TLS failed', stage: 'tls', code: 451, own: true, scope: 'host', counts: false, strikes: true },
  { what: 'RSET refused', stage: 'rset', code: 451, own: true, scope: 'connection', counts: true, strikes: true },
  { what: 'MAIL 4xx', stage: 'mail', code: 451, scope: 'message', counts: true, strikes: false },
  { what: 'MAIL 5xx', stage: 'mail', code: 550, scope: 'message', counts: true, strikes: false },
  { what: 'MAIL 421', stage: 'mail', code: 421, scope: 'connection', counts: true, strikes: true },
  { what: 'larger than SIZE', stage: 'mail', code: 552, own: true, scope: 'message', counts: true, strikes: false },
  { what: 'RCPT 4xx', stage: 'rcpt', code: 450, scope: 'recipient', counts: true, strikes: false },
  { what: 'RCPT 5xx', stage: 'rcpt', code: 550, scope: 'recipient', counts: true, strikes: false },
  { what: 'RCPT 452', stage: 'rcpt', code: 452, scope: 'recipient', counts: true, strikes: false },
  { what: 'RCPT 421', stage: 'rcpt', code: 421, scope: 'connection', counts: true, strikes: true },
  { what: 'DATA 5xx', stage: 'data', code: 554, scope: 'message', counts: true, strikes: false },
  { what: 'refused midway', stage: 'content', code: 552, scope: 'message', counts: true, strikes: false },
  { what: 'dot 4xx', stage: 'dot', code: 451, scope: 'message', counts: true, strikes: false },
  { what: 'dot 5xx', stage: 'dot', code: 550, scope: 'message', counts: true, strikes: false },
  { what: 'dot 421', stage: 'dot', code: 421, scope: 'connection', counts: true, strikes: true },
  {
    what: 'out of place, garbage',
    stage: 'rcpt',
    code: 451,
    own: true,
    scope: 'connection',
    counts: true,
    strikes: true,
  },
  { what: 'lost on the way', stage: 'content', code: 451, own: true, scope: 'connection', counts: true, strikes: true },
  {
    what: 'lost after the dot',
    stage: 'dot',
    code: 451,
    own: true,
    inDoubt: true,
    scope: 'connection',
    counts: true,
    strikes: true,
  },
])(
  '$what ($stage $code) is about the $scope',
  ({ stage, code, own = false, inDoubt = false, pause, scope, counts, strikes }) => {
    expect(scopeOf({ stage, reply: reply(code, '', ''), own, inDoubt, ...(pause !== undefined && { pause }) })).toEqual(
      { scope, counts, strikes },
    );
  },
);
