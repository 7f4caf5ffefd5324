/**
 * `postfleet parse-report`: what mail that came back says, as Postfleet reads it: a line for each file.
 */
import { open } from 'node:fs/promises';
import { openFolder } from '#crds/source/folder.ts';
import { systemClock } from '#lib/run/clock.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';
import type { Judge } from '../accept/returns/consequence.ts';
import { readReport } from '../accept/returns/read-report.ts';
import { FRONT_OF_RETURN } from '../accept/returns/returns.ts';
import { judgeBy } from '../work/judge.ts';
import type { MessageId } from '../mail/message.ts';
import type { ReplyClass } from '../mail/reply.ts';
import type { ReportKind } from '../mail/report.ts';

export interface ParsedReport {
  readonly file: string;
  readonly kind: ReportKind;
  readonly feedbackType?: string;
  readonly originalId?: string;
  /** Ids of ours that it holds, where there are any. */
  readonly messageIds?: readonly MessageId[];
  readonly recipients: readonly { readonly address: string; readonly status: string; readonly class: ReplyClass }[];
}

/** Prints to `print`; `config` holds the resources whose policies count too. Fault `file-unreadable`. */
export async function parseReportCommand(
  files: readonly string[],
  config: string,
  asJson: boolean,
  print: (text: string) => void,
): Promise<void> {
  const source = await openFolder(config, systemClock);
  await source.close();
  const judge = judgeBy(() => source.current());
  for (const file of files) {
    const parsed = await parseReport(file, await frontOf(file), judge);
    print(asJson ? JSON.stringify(parsed) : sentence(parsed));
  }
}

async function parseReport(file: string, raw: Buffer, judge: Judge): Promise<ParsedReport> {
  const { kind, feedbackType, originalId, messageIds, recipients } = await readReport(raw);
  return {
    file,
    kind,
    ...(feedbackType !== undefined && { feedbackType }),
    ...(originalId !== undefined && { originalId }),
    ...(messageIds.length > 0 && { messageIds }),
    recipients: recipients.map(({ address, status, said, host }) => ({
      address,
      status,
      class: judge(address, said, host).class,
    })),
  };
}

/** As much of a file as would be taken by SMTP. */
async function frontOf(path: string): Promise<Buffer> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FRONT_OF_RETURN), 0, FRONT_OF_RETURN, 0);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw new Fault('file-unreadable', `${path} cannot be read (${reasonOf(cause)}): name a file with one message`, {
      cause,
    });
  }
}

function sentence({ file, kind, feedbackType = '', originalId, recipients }: ParsedReport): string {
  const about = originalId === undefined ? '' : ` about <${originalId}>`;
  const each = recipients.map((it) => `\n  ${it.address}  ${it.status || '-'}  ${it.class}`);
  return `${file}: ${kind}${feedbackType && ` (${feedbackType})`}${about}${each.join('')}`;
}
