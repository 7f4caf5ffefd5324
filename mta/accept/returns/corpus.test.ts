/**
 * Every file of `test/reports/`: what it is, which message it is about, and what became of whom.
 */
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReportedAction } from '../../mail/report.ts';
import { readReport } from './read-report.ts';
import { runs } from '../../../test/harness/runs.ts';

const FOLDER = new URL('../../../test/reports/', import.meta.url);
const ORIGINAL = '01KAMY7Q4W.5f2e@example.com';

type Row = readonly [
  file: string,
  kind: string,
  originalId: string | undefined,
  recipients: readonly (readonly [address: string, status: string, action: ReportedAction])[],
];

const ROWS: readonly Row[] = [
  ['postfix-unknown-user', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.1', 'failed']]],
  ['postfix-delayed', 'dsn', ORIGINAL, [['slow@receiver.example', '4.4.1', 'delayed']]],
  ['postfix-relayed', 'dsn', ORIGINAL, [['fine@receiver.example', '2.0.0', 'relayed']]],
  [
    'postfix-three-recipients',
    'dsn',
    ORIGINAL,
    [
      ['one@receiver.example', '5.1.1', 'failed'],
      ['two@receiver.example', '5.2.2', 'failed'],
      ['three@receiver.example', '2.0.0', 'delivered'],
    ],
  ],
  ['postfix-general-status', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.10', 'failed']]],
  ['postfix-utf8', 'dsn', ORIGINAL, [['jörg@receiver.example', '5.1.1', 'failed']]],
  ['sendmail-user-unknown', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.1', 'failed']]],
  ['sendmail-alias-expanded', 'dsn', ORIGINAL, [['team@receiver.example', '2.0.0', 'expanded']]],
  ['sendmail-forwarded-elsewhere', 'dsn', ORIGINAL, [['old@receiver.example', '5.7.1', 'failed']]],
  ['sendmail-without-mime', 'dsn', ORIGINAL, [['gone@old.receiver.example', '5.1.1', 'failed']]],
  ['exim-modern', 'dsn', ORIGINAL, [['gone@receiver.example', '5.0.0', 'failed']]],
  ['exim-in-words', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.1', 'failed']]],
  [
    'exim-two-in-words',
    'dsn',
    ORIGINAL,
    [
      ['one@receiver.example', '5.2.2', 'failed'],
      ['two@receiver.example', '5.7.1', 'failed'],
    ],
  ],
  ['exim-warning', 'dsn', undefined, [['slow@receiver.example', '4.7.0', 'delayed']]],
  ['qmail', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.1', 'failed']]],
  [
    'qmail-remote',
    'dsn',
    ORIGINAL,
    [
      ['full@receiver.example', '5.2.2', 'failed'],
      ['gone@other.example', '5.1.2', 'failed'],
    ],
  ],
  ['office365-not-found', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.10', 'failed']]],
  ['office365-access-denied', 'dsn', ORIGINAL, [['gone@receiver.example', '5.4.1', 'failed']]],
  ['exchange-2010-full', 'dsn', ORIGINAL, [['full@receiver.example', '5.2.2', 'failed']]],
  ['exchange-relayed', 'dsn', undefined, [['fine@receiver.example', '2.0.0', 'relayed']]],
  ['exchange-5.5-in-words', 'dsn', ORIGINAL, [['gone@receiver.example', '5.1.1', 'failed']]],
  ['gmail-no-such-user', 'dsn', ORIGINAL, [['gone@gmail.example', '5.1.1', 'failed']]],
  ['gmail-in-words', 'dsn', ORIGINAL, [['gone@gmail.example', '5.2.1', 'failed']]],
  ['gmail-delayed', 'dsn', ORIGINAL, [['slow@receiver.example', '4.4.1', 'delayed']]],
  ['yahoo-in-words', 'dsn', ORIGINAL, [['gone@yahoo.example', '5.0.0', 'failed']]],
  ['yahoo-over-quota', 'dsn', ORIGINAL, [['full@yahoo.example', '5.2.2', 'failed']]],
  ['status-without-action', 'dsn', ORIGINAL, [['gone@strange.example', '5.1.1', 'failed']]],
  ['no-status-at-all', 'dsn', ORIGINAL, [['gone@strange.example', '5.0.0', 'failed']]],
  ['case-and-spaces', 'dsn', ORIGINAL, [['Gone@strange.example', '5.1.1', 'failed']]],
  ['wrapped-in-mixed', 'dsn', ORIGINAL, [['gone@strange.example', '5.1.1', 'failed']]],
  ['lmtp-from-dovecot', 'dsn', ORIGINAL, [['full@receiver.example', '5.2.2', 'failed']]],
  ['mimecast-style-in-words', 'dsn', undefined, [['gone@receiver.example', '5.4.1', 'failed']]],
  ['arf-abuse', 'arf abuse', ORIGINAL, [['angry@isp.example', '', 'delivered']]],
  ['arf-redacted', 'arf abuse', ORIGINAL, []],
  ['arf-opt-out', 'arf opt-out', ORIGINAL, [['tired@isp.example', '', 'delivered']]],
  ['arf-not-spam', 'arf not-spam', ORIGINAL, [['happy@isp.example', '', 'delivered']]],
  ['arf-fraud', 'arf fraud', ORIGINAL, [['somebody@isp.example', '', 'delivered']]],
  ['arf-without-type', 'arf other', ORIGINAL, [['angry@isp.example', '', 'delivered']]],
  ['microsoft-copy', 'arf abuse', ORIGINAL, [['person@receiver.example', '', 'delivered']]],
  ['arf-yahoo-style', 'arf abuse', ORIGINAL, [['angry@yahoo.example', '', 'delivered']]],
  ['auto-rfc3834', 'auto-reply', ORIGINAL, []],
  ['auto-outlook-english', 'auto-reply', ORIGINAL, []],
  ['auto-german', 'auto-reply', ORIGINAL, []],
  ['auto-french', 'auto-reply', undefined, []],
  ['auto-spanish', 'auto-reply', undefined, []],
  ['auto-italian', 'auto-reply', undefined, []],
  ['auto-japanese', 'auto-reply', undefined, []],
  ['auto-russian', 'auto-reply', undefined, []],
  ['auto-cpanel', 'auto-reply', undefined, []],
  ['read-receipt', 'auto-reply', undefined, []],
  ['challenge-response', 'auto-reply', undefined, []],
  ['human-answer', 'other', ORIGINAL, []],
  ['human-about-a-bounce', 'other', undefined, []],
  ['human-forwards-a-bounce', 'other', 'the.bounce@x.example', []],
];

/** Bytes put in at places, in place of some that were there. */
function changed(raw: Buffer, changes: readonly (readonly [at: number, bytes: Uint8Array, gone: number])[]): Buffer {
  let now = raw;
  for (const [place, bytes, gone] of changes) {
    const at = place % (now.length + 1);
    now = Buffer.concat([now.subarray(0, at), bytes, now.subarray(at + gone)]);
  }
  return now;
}

const read = (file: string): Buffer =>
  Buffer.from(readFileSync(new URL(`${file}.eml`, FOLDER), 'latin1').replaceAll('\n', '\r\n'), 'latin1');

describe('a report in the shape of', () => {
  test.each(ROWS)('%s', async (file, kind, originalId, recipients) => {
    const report = await readReport(read(file));
    expect([report.kind, report.feedbackType].filter((it) => it !== undefined).join(' ')).toBe(kind);
    expect(report.originalId).toBe(originalId);
    expect(report.recipients.map((it) => [it.address, it.status, it.action])).toEqual(recipients);
  });

  test('every file has its row', () => {
    const files = readdirSync(FOLDER).map((it) => it.replace(/\.eml$/, ''));
    expect(ROWS.map(([file]) => file).toSorted()).toEqual(files.toSorted());
    expect(files.length).toBeGreaterThanOrEqual(40);
  });

  test('A19 whatever is changed in one, there is an answer', async () => {
    const files = ROWS.map(([file]) => read(file));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 200 })), { maxLength: 8 }),
        async (raw, changes) => {
          const report = await readReport(changed(raw, changes));
          expect(['dsn', 'arf', 'auto-reply', 'other']).toContain(report.kind);
          for (const { address, status, said } of report.recipients) {
            expect(`${address} ${status} ${said.text}`).not.toMatch(/\p{Cc}/u);
            expect(said.code).toBeGreaterThanOrEqual(200);
          }
        },
      ),
      { numRuns: runs(300) },
    );
  });

  test('one with line ends of Unix reads the same', async () => {
    const raw = readFileSync(new URL('exim-in-words.eml', FOLDER));
    expect(await readReport(raw)).toEqual(await readReport(read('exim-in-words')));
  });
});
