import { describe, expect, test } from 'vitest';
import type { DsnRequest } from '../mail/dsn-request.ts';
import { replyLine } from '../mail/reply.ts';
import { type Capabilities, noCapabilities } from './capabilities.ts';
import { type Mail, mailCommand, rcptCommand, refusalOf } from './envelope.ts';

const mail = (changes: Partial<Mail> = {}): Mail => ({
  sender: 'a@example.com',
  recipients: ['b@example.net'],
  body: '7BIT',
  content: [Buffer.from('DKIM: x\r\n'), Buffer.from('\r\nhello\r\n')],
  ...changes,
});
const peer = (offered: Partial<Capabilities> = {}): Capabilities => ({ ...noCapabilities, ...offered });

const WISHES: DsnRequest = {
  ret: 'HDRS',
  envid: 'q+2B1',
  recipients: [{ notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;b@x' }],
};

describe('the envelope', () => {
  test.each<[Partial<Mail>, Partial<Capabilities>, string]>([
    [{}, {}, 'MAIL FROM:<a@example.com>'],
    [{ sender: '' }, {}, 'MAIL FROM:<>'],
    [{}, { size: 0 }, 'MAIL FROM:<a@example.com> SIZE=18'],
    [{}, { size: 18 }, 'MAIL FROM:<a@example.com> SIZE=18'],
    [{}, { eightBitMime: true }, 'MAIL FROM:<a@example.com>'],
    [{ body: '8BITMIME' }, { eightBitMime: true, size: 0 }, 'MAIL FROM:<a@example.com> SIZE=18 BODY=8BITMIME'],
    [{ utf8: true }, { smtpUtf8: true }, 'MAIL FROM:<a@example.com> SMTPUTF8'],
    [{ recipients: ['ü@example.net'] }, { smtpUtf8: true }, 'MAIL FROM:<a@example.com> SMTPUTF8'],
    [{}, { smtpUtf8: true }, 'MAIL FROM:<a@example.com>'],
  ])('%j to a peer with %j begins with %s', (changes, offered, expected) => {
    expect(mailCommand(mail(changes), peer(offered))).toBe(`${expected}\r\n`);
    expect(refusalOf(mail(changes), peer(offered))).toBeUndefined();
  });

  test.each<[Partial<Mail>, Partial<Capabilities>, string]>([
    [{ body: '8BITMIME' }, {}, '554 5.6.3'],
    [{}, { size: 17 }, '552 5.3.4'],
    [{ sender: 'ü@example.com' }, {}, '553 5.6.7'],
    [{ utf8: true }, {}, '553 5.6.7'],
    [{ recipients: ['b@example.net', 'ü@example.net'] }, {}, '553 5.6.7'],
  ])('%j is not sent to a peer with %j: %s', (changes, offered, expected) => {
    const refusal = refusalOf(mail(changes), peer(offered));
    expect(refusal && replyLine(refusal)).toContain(expected);
  });

  test.each<[DsnRequest | undefined, boolean, string, string]>([
    [
      WISHES,
      true,
      'MAIL FROM:<a@example.com> RET=HDRS ENVID=q+2B1',
      'RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@x',
    ],
    [WISHES, false, 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.net>'],
    [{ recipients: [{}] }, true, 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.net>'],
    [
      { recipients: [{ notify: ['NEVER'] }] },
      true,
      'MAIL FROM:<a@example.com>',
      'RCPT TO:<b@example.net> NOTIFY=NEVER',
    ],
    [undefined, true, 'MAIL FROM:<a@example.com>', 'RCPT TO:<b@example.net>'],
  ])('wishes about reports %j, to a peer that offers DSN: %s', (dsn, offered, first, second) => {
    const asking = mail({ ...(dsn && { dsn }) });
    expect(mailCommand(asking, peer({ dsn: offered }))).toBe(`${first}\r\n`);
    expect(rcptCommand(asking, peer({ dsn: offered }), 0)).toBe(`${second}\r\n`);
  });

  test('B01: an address that would be a second command is a bug', () => {
    expect(() => rcptCommand(mail({ recipients: ['b@example.net>\r\nDATA'] }), peer(), 0)).toThrow('control character');
    expect(() => mailCommand(mail({ sender: 'a\n@example.com' }), peer())).toThrow('control character');
  });
});
