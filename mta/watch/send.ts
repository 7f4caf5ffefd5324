/**
 * `postfleet send`: one test message by SMTP submission, as any application would send it.
 *
 * The process that runs leaves in its data folder where and as whom to submit; the password stays in its own file.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { submitMail } from '#lib/mail/mail.ts';
import { Fault, reasonOf } from '#lib/run/fault.ts';

/** How to submit, without the secret. */
export interface SubmissionHint {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly passwordFile: string;
  /** PEM of the certificate to trust. */
  readonly certificateFile: string;
  /** A sender that may be used. */
  readonly from: string;
}

export interface SendFlags {
  readonly to: readonly string[];
  readonly from?: string;
  readonly subject: string;
  readonly text: string;
}

const hintFile = (data: string): string => join(data, 'submission.json');

/** Leaves the hint where `sendCommand` finds it. */
export const publishHint = (data: string, hint: SubmissionHint): Promise<void> =>
  writeFile(hintFile(data), `${JSON.stringify(hint, null, 2)}\n`);

/** The words of the server's reply, and how to follow the message. */
export async function sendCommand(
  data: string,
  flags: SendFlags,
  asJson: boolean,
  print: (text: string) => void,
): Promise<void> {
  const hint = await readHint(data);
  const password = (await readFile(hint.passwordFile, 'utf8')).trim();
  const ca = await readFile(hint.certificateFile, 'utf8');
  const { host, port, username } = hint;
  const { to, subject, text } = flags;
  const mail = { from: flags.from ?? hint.from, to, subject, text };
  const response = await submitMail({ host, port, username, password, ca }, mail).catch((cause: unknown) => {
    throw new Fault('refused', `${host}:${port} did not take the message: ${reasonOf(cause)}`, { cause });
  });
  const id = /queued as (\S+)/.exec(response)?.[1] ?? '';
  print(asJson ? JSON.stringify({ id, response }) : `${response}\nfollow it with: npx postfleet trace ${id}`);
}

async function readHint(data: string): Promise<SubmissionHint> {
  try {
    return JSON.parse(await readFile(hintFile(data), 'utf8')) as SubmissionHint;
  } catch (cause) {
    throw new Fault(
      'not-running',
      `${data} has no submission.json: run \`npm start\`, or name the folder with --data`,
      { cause },
    );
  }
}
