import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { parseReportCommand } from './parse-report.ts';
import { EXAMPLE } from '../roles/settings.ts';

const report = (name: string): string => fileURLToPath(new URL(`../../test/reports/${name}.eml`, import.meta.url));

async function parse(asJson: boolean, ...files: string[]): Promise<string[]> {
  const printed: string[] = [];
  await parseReportCommand(files, EXAMPLE, asJson, (text) => printed.push(text));
  return printed;
}

test('prints a line of JSON for each file', async () => {
  const files = [report('postfix-three-recipients'), report('arf-opt-out'), report('human-about-a-bounce')];
  const lines = (await parse(true, ...files)).map((it) => JSON.parse(it) as object);
  expect(lines).toEqual([
    {
      file: files[0],
      kind: 'dsn',
      originalId: '01KAMY7Q4W.5f2e@example.com',
      messageIds: ['01kamy7q4w3h8t5m9n2b6v7c8d'],
      recipients: [
        { address: 'one@receiver.example', status: '5.1.1', class: 'Invalid Address' },
        { address: 'two@receiver.example', status: '5.2.2', class: 'Mailbox Unavailable' },
        { address: 'three@receiver.example', status: '2.0.0', class: 'Unclassified' },
      ],
    },
    {
      file: files[1],
      kind: 'arf',
      feedbackType: 'opt-out',
      originalId: '01KAMY7Q4W.5f2e@example.com',
      messageIds: ['01kamy7q4w3h8t5m9n2b6v7c8d'],
      recipients: [{ address: 'tired@isp.example', status: '', class: 'Unclassified' }],
    },
    { file: files[2], kind: 'other', recipients: [] },
  ]);
});

test('says the same to people', async () => {
  expect(await parse(false, report('qmail'))).toEqual([
    `${report('qmail')}: dsn about <01KAMY7Q4W.5f2e@example.com>\n  gone@receiver.example  5.1.1  Invalid Address`,
  ]);
});

test('a file that is empty, no message or not there has an answer', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postfleet-report-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [empty, bytes] = [join(folder, 'empty'), join(folder, 'bytes')];
  writeFileSync(empty, '');
  writeFileSync(bytes, Buffer.alloc(3_000_000, 7));
  const kinds = (await parse(true, empty, bytes)).map((it) => (JSON.parse(it) as { kind: string }).kind);
  expect(kinds).toEqual(['other', 'other']);
  await expect(parse(true, join(folder, 'nowhere'))).rejects.toThrow(/nowhere cannot be read .*: name a file/);
});
