/**
 * The dialogue against a second one that was written down as a table: in any order of commands the same replies and the
 * same messages.
 *
 * The table knows nothing of framing, parsing or counting. A row is a command, a column a place; a cell is what is said
 * there and, where it changes, the place after it. TLS and login stand beside the table, because they cut across it.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Accepted, StagePartner, codes } from './stage-partner.ts';

const TABLE = `
                              | start     | ready      | sender        | recipient     | chunks     | failed
EHLO c.example                | 250 ready | 250        | 250 ready     | 250 ready     | 250 ready  | 250 ready
HELO c.example                | 250 ready | 250        | 250 ready     | 250 ready     | 250 ready  | 250 ready
EHLO                          | 501       | 501        | 501           | 501           | 501        | 501
MAIL FROM:<a@b.example>       | 503       | 250 sender | 503           | 503           | 503        | 503
MAIL FROM:<refused@b.example> | 503       | 550        | 503           | 503           | 503        | 503
MAIL FROM:<a@b>               | 501       | 501        | 501           | 501           | 501        | 501
MAIL FROM:<ä@b.example>       | 553       | 553        | 553           | 553           | 553        | 553
RCPT TO:<c@d.example>         | 503       | 503        | 250 recipient | 250           | 503        | 503
RCPT TO:<nobody@d.example>    | 503       | 503        | 550           | 550           | 503        | 503
RCPT TO:<ä@d.example>         | 503       | 503        | 553           | 553           | 503        | 503
DATA                          | 503       | 503        | 554           | 250 ready     | 503        | 503
DATA, spoiled                 | 503       | 503        | 554           | 550 ready     | 503        | 503
DATA with an argument         | 501       | 501        | 501           | 501           | 501        | 501
BDAT                          | 503       | 503        | 554 failed    | 250 chunks    | 250        | 503
BDAT, spoiled                 | 503       | 503        | 554 failed    | 550 failed    | 550 failed | 503
BDAT LAST                     | 503       | 503        | 554 ready     | 250 ready     | 250 ready  | 503 ready
BDAT LAST, spoiled            | 503       | 503        | 554 ready     | 550 ready     | 550 ready  | 503 ready
RSET                          | 250       | 250        | 250 ready     | 250 ready     | 250 ready  | 250 ready
NOOP                          | 250       | 250        | 250           | 250           | 250        | 250
VRFY x                        | 252       | 252        | 252           | 252           | 252        | 252
VRFY ä                        | 553       | 553        | 553           | 553           | 553        | 553
XCLIENT ADDR=192.0.2.9        | 500       | 500        | 500           | 500           | 500        | 500
a line with a bare LF         | 500       | 500        | 500           | 500           | 500        | 500
`;

const [[, ...places] = [], ...rows] = TABLE.trimEnd()
  .split('\n')
  .slice(1)
  .map((row) => row.split('|').map((cell) => cell.trim()));
const cells = new Map(rows.map(([command = '', ...said]) => [command, said]));

/** The table has no rows for these. */
const SECURITY = ['STARTTLS', 'AUTH right', 'AUTH wrong', 'AUTH cancelled'];

interface Model {
  readonly needsLogin: boolean;
  readonly place: string;
  readonly isExtended: boolean;
  readonly isSecure: boolean;
  readonly isKnown: boolean;
  readonly recipients: number;
  readonly chunks: number;
}

interface Expected {
  readonly code: number;
  readonly model: Model;
  /** How many recipients and parts a message has that is accepted now. */
  readonly accepts?: { readonly recipients: number; readonly chunks: number };
}

function expected(model: Model, command: string): Expected {
  if (command === 'STARTTLS') return startTls(model);
  if (command.startsWith('AUTH')) return auth(model, command);
  const isMail = command === 'MAIL FROM:<a@b.example>' || command === 'MAIL FROM:<refused@b.example>';
  if (isMail && model.place === 'ready' && model.needsLogin && !model.isKnown) return { code: 530, model };
  const [code = '', place = model.place] = cells.get(command)?.[places.indexOf(model.place)]?.split(' ') ?? [];
  const next = { ...model, place, isExtended: extended(model, command) };
  if (code !== '250') return { code: Number(code), model: next };
  return taken(next, model, command);
}

const extended = ({ isExtended }: Model, command: string): boolean =>
  command === 'EHLO c.example' || (isExtended && command !== 'HELO c.example');

/** What a positive answer changes. */
function taken(next: Model, { recipients, chunks }: Model, command: string): Expected {
  if (command.startsWith('MAIL')) return { code: 250, model: { ...next, recipients: 0, chunks: 0 } };
  if (command.startsWith('RCPT')) return { code: 250, model: { ...next, recipients: recipients + 1 } };
  if (command === 'BDAT') return { code: 250, model: { ...next, chunks: chunks + 1 } };
  if (command !== 'DATA' && command !== 'BDAT LAST') return { code: 250, model: next };
  return { code: 250, model: next, accepts: { recipients, chunks: chunks + 1 } };
}

/** What was said before TLS is forgotten. */
function startTls(model: Model): Expected {
  if (model.isSecure) return { code: 503, model };
  const forgotten = { place: 'start', isExtended: false, isSecure: true, isKnown: false, recipients: 0, chunks: 0 };
  return { code: 220, model: { ...model, ...forgotten } };
}

function auth(model: Model, command: string): Expected {
  if (!model.needsLogin) return { code: 502, model };
  if (!model.isSecure) return { code: 538, model };
  if (!model.isExtended || model.isKnown) return { code: 503, model };
  if (command === 'AUTH right') return { code: 235, model: { ...model, isKnown: true } };
  return { code: command === 'AUTH wrong' ? 535 : 501, model };
}

const BYTES: Readonly<Record<string, string>> = {
  'BDAT, spoiled': 'BDAT 3\r\nx\n\n',
  'BDAT LAST, spoiled': 'BDAT 3 LAST\r\nx\n\n',
  BDAT: 'BDAT 3\r\nx\r\n',
  'BDAT LAST': 'BDAT 3 LAST\r\nx\r\n',
  'DATA, spoiled': 'DATA\r\n',
  'a line with a bare LF': 'NOOP\nRSET\r\n',
  'AUTH right': 'AUTH PLAIN AHVzZXIAc2VjcmV0\r\n',
  'AUTH wrong': 'AUTH PLAIN AHVzZXIAd3Jvbmc=\r\n',
  'AUTH cancelled': 'AUTH LOGIN\r\n',
};

/** Says a command with all that belongs to it; answers the last reply's code. */
async function say(partner: StagePartner, command: string): Promise<number> {
  const [first = 0] = codes(await partner.send(Buffer.from(BYTES[command] ?? `${command}\r\n`)));
  if (partner.isSecuring) partner.secure();
  if (first === 334) return codes(await partner.send('*\r\n'))[0] ?? 0;
  if (first !== 354) return first;
  return codes(await partner.send(command === 'DATA' ? 'x\r\n.\r\n' : 'x\n.\r\n.\r\n'))[0] ?? 0;
}

const OPENING = { place: 'start', isExtended: false, isSecure: false, isKnown: false, recipients: 0, chunks: 0 };
const UNBOUNDED = { loginFailures: Infinity, recipients: Infinity };
const brief = ({ envelope, raw }: Accepted): object => ({
  recipients: envelope.recipients.length,
  chunks: raw.length / 3,
});

it('A06 in any order of commands the dialogue says and takes what the table says', async () => {
  const seen = new Map<string, number>();
  const command = fc.oneof(
    fc.constantFrom(...cells.keys(), ...SECURITY),
    // What leads somewhere, so that the far places are seen as often as the near ones.
    fc.constantFrom(
      'EHLO c.example',
      'MAIL FROM:<a@b.example>',
      'RCPT TO:<c@d.example>',
      'STARTTLS',
      'AUTH right',
      'BDAT',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 80, size: 'max' }), fc.boolean(), async (commands, needsLogin) => {
      const partner = new StagePartner({
        authRequired: needsLogin,
        canSecure: true,
        isFamiliar: true,
        limits: UNBOUNDED,
      });
      partner.conversation.begin();
      await partner.heard();
      let model: Model = { ...OPENING, needsLogin };
      const accepted: object[] = [];
      for (const each of commands) {
        const key = `${needsLogin ? 'member' : 'anybody'}, ${model.place}, ${model.isSecure ? 'secure' : 'clear'}, ${model.isKnown ? 'known' : 'unknown'}: ${each}`;
        seen.set(key, (seen.get(key) ?? 0) + 1);
        const { code, model: next, accepts } = expected(model, each);
        if (accepts) accepted.push(accepts);
        expect([key, await say(partner, each)]).toEqual([key, code]);
        expect(partner.accepted.map(brief)).toEqual(accepted);
        model = next;
      }
    }),
    { numRuns: 300 },
  );
  const states = new Set([...seen.keys()].map((key) => key.split(':')[0]));
  expect(states.size).toBeGreaterThanOrEqual(20);
});
