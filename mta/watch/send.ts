/**
 * `postfleet send`: one test message by SMTP submission, as any application would send it.
 *
 * The process that runs leaves in its data folder where and as whom to submit; the password stays in its own file. In Kubernetes the Secret of
 * a `SendingCredential` says the same, mounted as a folder.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SubmissionServer, submitMail } from '#lib/mail/mail.ts';
import { codeOf, Fault, reasonOf } from '#lib/run/fault.ts';

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
  /** A folder with what the Secret of a `SendingCredential` holds, in place of the data folder. */
  readonly credential?: string;
  /** A file with the authority to trust there. */
  readonly ca?: string;
  /** Trust whoever answers there: the password goes to it. */
  readonly anyCertificate?: boolean;
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
  const { from, ...server } = await (flags.credential === undefined ? hinted(data) : mounted(flags.credential, flags));
  const { to, subject, text } = flags;
  const mail = { from: flags.from ?? from, to, subject, text };
  const { host, port } = server;
  const response = await submitMail(server, mail).catch((cause: unknown) => {
    throw new Fault('refused', `${host}:${port} did not take the message: ${reasonOf(cause)}`, { cause });
  });
  const id = /queued as (\S+)/.exec(response)?.[1] ?? '';
  print(asJson ? JSON.stringify({ id, response }) : `${response}\nfollow it with: npx postfleet trace ${id}`);
}

interface Server extends SubmissionServer {
  readonly from: string;
}

async function hinted(data: string): Promise<Server> {
  const { passwordFile, certificateFile, ...hint } = await readHint(data);
  const password = (await readFile(passwordFile, 'utf8')).trim();
  return { ...hint, password, ca: await readFile(certificateFile, 'utf8') };
}

async function mounted(folder: string, { from, ca: file, anyCertificate = false }: SendFlags): Promise<Server> {
  if (from === undefined)
    throw new Fault('bad-setting', '--credential: name a sender of a domain of its own with --from');
  if ((file === undefined) === !anyCertificate)
    throw new Fault(
      'bad-setting',
      '--credential: name whom to trust with --ca, or --any-certificate where you know who answers',
    );
  const of = async (name: string): Promise<string> => (await readFile(join(folder, name), 'utf8')).trim();
  try {
    const [host = '', port, username = '', password = ''] = await Promise.all(
      ['host', 'port', 'username', 'password'].map(of),
    );
    const ca = file === undefined ? undefined : await readFile(file, 'utf8');
    return { host, port: Number(port), username, password, ca, from };
  } catch (cause) {
    throw new Fault(
      'bad-setting',
      `--credential ${folder}: must hold host, port, username and password (${codeOf(cause)})`,
      { cause },
    );
  }
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
