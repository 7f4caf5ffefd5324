import { expect, test } from 'vitest';
import { readReport } from './read-report.ts';

const nested = (count: number): string =>
  Array.from(
    { length: count },
    (_, at) => `--b${at}\r\nContent-Type: multipart/mixed; boundary=b${at + 1}\r\n\r\n`,
  ).join('');
const MIXED = 'Content-Type: multipart/mixed; boundary=b0\r\n\r\n';
const BOUNCE = 'From: mailer-daemon@x.example\r\nSubject: undelivered\r\n\r\n';
const ENCODED = 'Content-Transfer-Encoding: base64\r\n\r\n';
const STATUS = 'Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n';

const BOMBS: readonly (readonly [string, string])[] = [
  ['10,000 multiparts in one another', MIXED + nested(10_000)],
  ['100,000 parts', MIXED + '--b0\r\n\r\nx\r\n'.repeat(100_000)],
  ['messages in one another', 'Content-Type: message/rfc822\r\n\r\n'.repeat(30_000)],
  ['a header of 50,000 fields', 'A: b\r\n'.repeat(50_000)],
  ['one field folded 60,000 times', `Subject: ${' x\r\n'.repeat(60_000)}\r\n`],
  ['15,000 addresses in From', `From: ${'a@b,'.repeat(15_000)}\r\n\r\nx`],
  ['8,000 addresses in From, within the bound', `From: ${'a@b,'.repeat(8000)}\r\n\r\nx`],
  ['encoded words without end', `Subject: ${'=?utf-8?q?=41?= '.repeat(2000)}\r\n\r\nx`],
  ['a megabyte of HTML that is never closed', `Content-Type: text/html\r\n\r\n${'<a <!-- '.repeat(130_000)}`],
  ['a megabyte of base64', ENCODED + `${'QUJD'.repeat(19)}\r\n`.repeat(13_000)],
  ['5,000 recipients', STATUS + 'Final-Recipient: rfc822; a@b.example\r\nStatus: 5.1.1\r\n\r\n'.repeat(5000)],
  ['a status without end', `${STATUS}Status: ${'5.1.1'.repeat(20_000)}\r\n`],
  ['codes that almost are', BOUNCE + `${'5.1.1'.repeat(190)}\r\n`.repeat(1000)],
  ['addresses that almost are', BOUNCE + `a@${'b.'.repeat(190)}\r\n`.repeat(1000)],
  ['brackets that are never closed', BOUNCE + `${'<('.repeat(400)}\r\n`.repeat(1000)],
];

/** The least of a few tries, in milliseconds of this process's own time: others work on the machine too. */
async function leastTime(raw: Buffer): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 6; count += 1) {
    const before = process.cpuUsage();
    await readReport(raw);
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  return Math.min(...times);
}

test.each(BOMBS)('A19 %s: an answer within 50 ms', async (_, text) => {
  const raw = Buffer.from(text);
  const { recipients } = await readReport(raw);
  expect(recipients.length).toBeLessThanOrEqual(100);
  expect(await leastTime(raw)).toBeLessThan(50);
});

test('a report behind a long explanation is still found', async () => {
  const words = `${'So it goes. '.repeat(6)}\r\n`.repeat(1000);
  const raw = `Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\n${words}${STATUS.slice(STATUS.indexOf('--b'))}`;
  const report = await readReport(
    Buffer.from(`${raw}Final-Recipient: rfc822; a@b.example\r\nStatus: 5.1.1\r\n--b--\r\n`),
  );
  expect(report.recipients).toMatchObject([{ address: 'a@b.example', action: 'failed', status: '5.1.1' }]);
});
