/**
 * Every reply the engine gives of its own accord, in one table. What a policy answers is the policy's.
 */
import { type Reply, reply } from '#mta/mail/reply.ts';
import type { DataProblem } from './data.ts';
import type { LineProblem } from './framing.ts';

export const replies = {
  bye: reply(221, '2.0.0', 'Bye'),
  ok: reply(250, '2.0.0', 'OK'),
  senderOk: reply(250, '2.1.0', 'Sender OK'),
  recipientOk: reply(250, '2.1.5', 'Recipient OK'),
  cannotVerify: reply(252, '2.0.0', 'Cannot verify addresses; send a message and see'),
  help: reply(214, '2.0.0', 'This is Postfleet; see RFC 5321'),
  startTls: reply(220, '2.0.0', 'Ready to start TLS'),
  authenticated: reply(235, '2.7.0', 'Authentication succeeded'),
  sendData: reply(354, '', 'End data with <CR><LF>.<CR><LF>'),

  shuttingDown: reply(421, '4.3.2', 'Shutting down; come back in a moment'),
  brokenHere: reply(421, '4.3.0', 'Internal error; come back later'),
  timedOut: reply(421, '4.4.2', 'Timed out waiting for you'),
  tooManyErrors: reply(421, '4.7.0', 'Too many errors'),
  tooMuchJunk: reply(421, '4.7.0', 'Too many commands without mail'),
  tooManyLoginFailures: reply(421, '4.7.0', 'Too many failed logins'),
  lockedOut: reply(421, '4.7.0', 'Too many failed logins came from your network; come back later'),
  tooManyMessages: reply(421, '4.7.0', 'Enough messages on this connection; open another'),
  tooManyConnections: reply(421, '4.7.0', 'Too many connections'),

  notStored: reply(451, '4.3.0', 'Cannot take the message now; try again later'),
  cannotCheck: reply(451, '4.3.0', 'Cannot check the recipient now; try again later'),
  noRoom: reply(452, '4.3.1', 'Too much mail is coming in now; try again later'),
  tooManyRecipients: reply(452, '4.5.3', 'Too many recipients; send the rest in another transaction'),
  cannotAuthenticate: reply(454, '4.7.0', 'Cannot check passwords now; try again later'),

  badNewline: reply(500, '5.5.2', 'Lines end with CRLF, and hold no bare CR or LF'),
  longLine: reply(500, '5.5.2', 'Line too long'),
  unknownCommand: reply(500, '5.5.1', 'Command not recognized'),
  badCharacters: reply(501, '5.5.2', 'Control and non-ASCII characters are not allowed in commands'),
  bdatSyntax: reply(521, '5.5.4', 'Syntax: BDAT octets [LAST]; what follows cannot be told apart'),
  noArgument: reply(501, '5.5.4', 'This command takes no argument'),
  needsName: reply(501, '5.5.4', 'Say the name of your host'),
  needsMechanism: reply(501, '5.5.4', 'Say a mechanism and at most one initial response'),
  mailSyntax: reply(
    501,
    '5.5.4',
    'Syntax: MAIL FROM:<address> [SIZE=octets] [BODY=7BIT|8BITMIME] [RET=FULL|HDRS] [ENVID=xtext] [SMTPUTF8]',
  ),
  rcptSyntax: reply(501, '5.5.4', 'Syntax: RCPT TO:<address> [NOTIFY=NEVER|SUCCESS,FAILURE,DELAY] [ORCPT=type;xtext]'),
  badBase64: reply(501, '5.5.2', 'Not base64'),
  badCredentials: reply(501, '5.5.2', 'Not the credentials this mechanism asks for'),
  cancelled: reply(501, '5.7.0', 'Authentication cancelled'),
  notOffered: reply(502, '5.5.1', 'Not offered here'),
  sayEhlo: reply(503, '5.5.1', 'Say EHLO first'),
  transactionOpen: reply(503, '5.5.1', 'A transaction is open; finish it or say RSET'),
  sayMail: reply(503, '5.5.1', 'Say MAIL first'),
  sayRcpt: reply(503, '5.5.1', 'Say RCPT first'),
  dataAfterBdat: reply(503, '5.5.1', 'BDAT has begun; go on with it or say RSET'),
  earlierBdatFailed: reply(503, '5.5.1', 'An earlier BDAT failed; say RSET'),
  tlsActive: reply(503, '5.5.1', 'TLS is active'),
  alreadyAuthenticated: reply(503, '5.5.1', 'Already authenticated'),
  unknownMechanism: reply(504, '5.5.4', 'Mechanisms are PLAIN and LOGIN'),
  authenticationRequired: reply(530, '5.7.0', 'Authentication required'),
  startTlsFirst: reply(530, '5.7.0', 'Authentication required; say STARTTLS first'),
  wrongCredentials: reply(535, '5.7.8', 'Wrong username or password'),
  encryptFirst: reply(538, '5.7.11', 'Passwords are taken over TLS only'),
  noValidRecipients: reply(554, '5.5.1', 'No valid recipients'),
  outOfStep: reply(554, '5.5.0', 'You sent more before reading the reply this command must have'),
  notHttp: reply(554, '5.5.1', 'This is SMTP, not HTTP'),
  notYourHeader: reply(554, '5.7.1', 'No PROXY header is taken from you'),
  tooLarge: reply(552, '5.3.4', 'Message too large'),
  needsUtf8: reply(553, '5.6.7', 'Addresses must be ASCII, or UTF-8 after MAIL with SMTPUTF8'),
  unknownParameter: reply(555, '5.5.4', 'Parameter not recognized or not offered'),
} as const satisfies Record<string, Reply>;

/** At the end of a message that was refused for its bytes. */
export const dataReplies: Readonly<Record<DataProblem, Reply>> = {
  'bare-newline': reply(550, '5.6.11', 'Message holds a bare CR or LF'),
  nul: reply(550, '5.6.0', 'Message holds a NUL byte'),
  'long-line': reply(550, '5.6.0', 'Message has a line longer than 998 octets'),
  'too-large': replies.tooLarge,
  'large-header': reply(552, '5.3.4', 'Message header too large'),
  'no-room': replies.noRoom,
};

/** After a chunk that others follow. */
export const chunkTaken = (size: number): Reply => reply(250, '2.0.0', `${size} octets received`);

export const lineReplies: Readonly<Record<LineProblem, Reply>> = {
  'bare-newline': replies.badNewline,
  'long-line': replies.longLine,
};

export const badSender = (problem: string): Reply => reply(501, '5.1.7', problem);
export const badRecipient = (problem: string): Reply => reply(501, '5.1.3', problem);
