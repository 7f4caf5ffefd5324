import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replyLine } from '#mta/mail/reply.ts';
import { type Command, parseCommand } from './verbs.ts';
import { runs } from '../../../test/harness/runs.ts';

const parse = (line: string): Command => parseCommand(Buffer.from(line, 'latin1'), 'mail.example');

/** The bytes of UTF-8, each as one character. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

function refusal(line: string): string {
  const command = parse(line);
  return command.verb === 'refused' ? replyLine(command.reply).slice(0, 9) : command.verb;
}

const mail = { verb: 'MAIL', size: 0, body: '7BIT' };

describe('a command', () => {
  it.each<[string, object]>([
    ['EHLO client.example', { verb: 'EHLO', name: 'client.example' }],
    ['helo [192.0.2.1] ', { verb: 'HELO', name: '[192.0.2.1]' }],
    ['MAIL FROM:<a@b.example>', { ...mail, sender: 'a@b.example' }],
    ['mail from: <A@B.Example> ', { ...mail, sender: 'A@b.example' }],
    ['MAIL FROM:<>', { ...mail, sender: '' }],
    ['MAIL FROM:<"a>b"@b.example> SIZE=5', { ...mail, sender: '"a>b"@b.example', size: 5 }],
    [
      'MAIL FROM:<a@b.example> body=8bitmime AUTH=<> SIZE=10',
      { ...mail, sender: 'a@b.example', body: '8BITMIME', size: 10 },
    ],
    ['RCPT TO:<a@b.example>', { verb: 'RCPT', recipient: 'a@b.example' }],
    [
      'MAIL FROM:<a@b.example> ret=hdrs envid=q+2B1',
      { ...mail, sender: 'a@b.example', dsn: { ret: 'HDRS', envid: 'q+2B1' } },
    ],
    [
      'RCPT TO:<a@b.example> NOTIFY=success,Delay ORCPT=rfc822;a+2Bb@b.example',
      {
        verb: 'RCPT',
        recipient: 'a@b.example',
        dsn: { notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;a+2Bb@b.example' },
      },
    ],
    [
      'RCPT TO:<postmaster> NOTIFY=NEVER',
      { verb: 'RCPT', recipient: 'postmaster@mail.example', dsn: { notify: ['NEVER'] } },
    ],
    ['MAIL FROM:<a@b.example> SMTPUTF8', { ...mail, sender: 'a@b.example', smtpUtf8: true }],
    [utf8('MAIL FROM:<ä@bücher.example> SMTPUTF8'), { ...mail, sender: 'ä@xn--bcher-kva.example', smtpUtf8: true }],
    [utf8('RCPT TO:<李@b.example>'), { verb: 'RCPT', recipient: '李@b.example', isUtf8: true }],
    [
      utf8('RCPT TO:<a@bücher.example> NOTIFY=NEVER'),
      { verb: 'RCPT', recipient: 'a@xn--bcher-kva.example', isUtf8: true, dsn: { notify: ['NEVER'] } },
    ],
    ['RCPT TO:<PostMaster>', { verb: 'RCPT', recipient: 'postmaster@mail.example' }],
    ['RCPT TO:<u%v@b.example>', { verb: 'RCPT', recipient: 'u%v@b.example' }],
    ['AUTH plain AGE=', { verb: 'AUTH', mechanism: 'PLAIN', initial: 'AGE=' }],
    ['auth login', { verb: 'AUTH', mechanism: 'LOGIN', initial: undefined }],
    ['data ', { verb: 'DATA' }],
    ['BDAT 0', { verb: 'BDAT', size: 0, isLast: false }],
    ['bdat 999999999999999  last ', { verb: 'BDAT', size: 999_999_999_999_999, isLast: true }],
    ['NOOP whatever', { verb: 'NOOP' }],
    ['VRFY a', { verb: 'VRFY' }],
    ['POST / HTTP/1.1', { verb: 'HTTP' }],
    ['PROXY TCP4 192.0.2.1 192.0.2.2 1 2', { verb: 'PROXY' }],
  ])('%s', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it.each([
    ['', '500 5.5.1'],
    ['BDAT', '521 5.5.4'],
    ['BDAT -1', '521 5.5.4'],
    ['BDAT 1 LAST LAST', '521 5.5.4'],
    ['BDAT 0x10', '521 5.5.4'],
    ['BDAT 1000000000000000', '521 5.5.4'],
    ['message x', '500 5.5.1'],
    ['__proto__ x', '500 5.5.1'],
    ['EHLO', '501 5.5.4'],
    ['EHLO a b', '501 5.5.4'],
    ['EHLO a\x1b[2J', '501 5.5.2'],
    ['EHLO \xfcber.example', '501 5.5.2'],
    ['NOOP \0', '501 5.5.2'],
    ['NOOP\t', '501 5.5.2'],
    [`NOOP ${'x'.repeat(506)}`, '500 5.5.2'],
    [`MAIL FROM:<a@b.example>${' '.repeat(1200)}`, '500 5.5.2'],
    ['DATA now', '501 5.5.4'],
    ['STARTTLS now', '501 5.5.4'],
    ['MAIL a@b.example', '501 5.5.4'],
    ['MAIL FROM:a@b.example', '501 5.5.4'],
    ['MAIL FROM <a@b.example>', '501 5.5.4'],
    ['MAIL FROM:<a@b.example', '501 5.5.4'],
    ['MAIL FROM:<a@b.example>SIZE=5', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=5 SIZE=6', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE=-1', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> SIZE', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> =5', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> BODY=BINARYMIME', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> SMTPUTF8=1', '501 5.5.4'],
    ['MAIL FROM:<\xe4@b.example> SMTPUTF8', '553 5.6.7'],
    [utf8('MAIL FROM:<ä@b.example>'), '553 5.6.7'],
    [utf8('MAIL FROM:<a@b.example> SMTPUTF8 ENVID=ä'), '501 5.5.4'],
    [utf8('MAIL FROM:<a\u0085b@b.example> SMTPUTF8'), '501 5.1.7'],
    [utf8('MAIL FROM:<a\u202eb@b.example> SMTPUTF8'), '501 5.1.7'],
    [utf8('MAIL FROM:<\ufb01@b.example> SMTPUTF8'), '501 5.1.7'],
    [utf8('MAIL FROM:<ä\n@b.example> SMTPUTF8'), '501 5.5.2'],
    ['RCPT TO:<\xe4@b.example>', '553 5.6.7'],
    [utf8('VRFY ä'), '553 5.6.7'],
    [utf8('EHLO ä.example'), '501 5.5.2'],
    ['MAIL FROM:<a@b.example> __proto__=1', '501 5.5.4'],
    ['MAIL FROM:<a>', '501 5.1.7'],
    ['MAIL FROM:<@x.example:a@b.example>', '501 5.1.7'],
    ['MAIL FROM:<\xe4@b.example>', '553 5.6.7'],
    ['MAIL FROM:<\xe4\x01@b.example>', '501 5.5.2'],
    ['RCPT TO:<>', '501 5.1.3'],
    ['RCPT TO:<@x.example,@y.example:a@b.example>', '501 5.1.3'],
    ['RCPT TO:<a@b.example@c.example>', '501 5.1.3'],
    ['RCPT TO:<a@b.example.>', '501 5.1.3'],
    ['RCPT TO:<"a@x.example"@b.example>', '501 5.1.3'],
    ['RCPT TO:<a@b.example> XNOTIFY=NEVER', '555 5.5.4'],
    ['RCPT TO:<a@b.example> RET=FULL', '555 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=NEVER NOTIFY=NEVER', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=NEVER,SUCCESS', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=SUCCESS,SUCCESS', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=SUCCESS,', '501 5.5.4'],
    ['RCPT TO:<a@b.example> NOTIFY=ALWAYS', '501 5.5.4'],
    ['RCPT TO:<a@b.example> ORCPT=a@b.example', '501 5.5.4'],
    ['RCPT TO:<a@b.example> ORCPT=rfc822;', '501 5.5.4'],
    ['RCPT TO:<a@b.example> ORCPT=rfc822;a+0Ab', '501 5.5.4'],
    ['RCPT TO:<a@b.example> ORCPT=rfc822;a+2bb', '501 5.5.4'],
    [`RCPT TO:<a@b.example> ORCPT=rfc822;${'x'.repeat(494)}`, '501 5.5.4'],
    ['MAIL FROM:<a@b.example> NOTIFY=NEVER', '555 5.5.4'],
    ['MAIL FROM:<a@b.example> RET=ALL', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> RET', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID=a+0D+0Ab', '501 5.5.4'],
    ['MAIL FROM:<a@b.example> ENVID=a+', '501 5.5.4'],
    [`MAIL FROM:<a@b.example> ENVID=${'x'.repeat(101)}`, '501 5.5.4'],
    ['RCPT TO:<a@b.example><c@d.example>', '501 5.5.4'],
    ['AUTH', '501 5.5.4'],
    ['AUTH PLAIN a b', '501 5.5.4'],
  ])('%s is refused with %s', (line, expected) => {
    expect(refusal(line)).toBe(expected);
  });

  it('never throws, and never lets a control character or a missing domain into an envelope', () => {
    const verb = fc.constantFrom('MAIL FROM:<', 'RCPT TO:<', 'AUTH ', 'EHLO ', '');
    const tail = fc.array(
      fc.constantFrom(
        'a',
        '@',
        '"',
        '\\',
        '>',
        '<',
        ' ',
        '.',
        'b.example',
        '\0',
        '\xe4',
        '\xc3\xa4',
        ':',
        '=',
        ',',
        'SIZE',
        ' SMTPUTF8',
      ),
    );
    fc.assert(
      fc.property(verb, tail, fc.string(), (start, parts, end) => {
        const command = parse(`${start}${parts.join('')}${end}`);
        const address = command.verb === 'MAIL' ? command.sender : command.verb === 'RCPT' ? command.recipient : 'x@y';
        expect(address).toMatch(/^(?:|[!-~ä]+@[!-~]+|"[ -~ä]+"@[!-~]+)$/);
      }),
      { numRuns: runs(3000) },
    );
  });
});
