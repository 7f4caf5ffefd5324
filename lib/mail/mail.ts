/**
 * Composes mail and hands it to a submission server. The only file that imports nodemailer.
 *
 * Composed mail is 7-bit with CRLF line ends. Nothing of a tenant reaches a transport option.
 */
import nodemailer from 'nodemailer';
import MimeNode from 'nodemailer/lib/mime-node';

/** One body part: its content type, with parameters, and its bytes. */
export interface Part {
  readonly contentType: string;
  readonly content: string | Buffer;
}

/** A multipart message: headers in order, then parts. `contentType` is `multipart/…` with parameters. */
export async function composeMultipart(
  contentType: string,
  headers: readonly (readonly [name: string, value: string])[],
  parts: readonly Part[],
): Promise<Buffer> {
  const root = new MimeNode(contentType, { newline: '\r\n' });
  for (const [name, value] of headers) root.setHeader(name, value);
  for (const part of parts) root.createChild(part.contentType).setContent(part.content);
  return root.build();
}

/** Where and as whom to submit. */
export interface SubmissionServer {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** PEM of the certificate authority, or the self-made certificate, to trust. */
  readonly ca: string;
}

export interface PlainMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/** Sends one text message under STARTTLS; answers the server's last reply. Rejects with the server's refusal. */
export async function submitMail(server: SubmissionServer, mail: PlainMail): Promise<string> {
  const transport = nodemailer.createTransport({
    host: server.host,
    port: server.port,
    requireTLS: true,
    tls: { ca: server.ca },
    auth: { user: server.username, pass: server.password },
  });
  try {
    const { response } = await transport.sendMail({ ...mail, to: [...mail.to], disableFileAccess: true });
    return response;
  } finally {
    transport.close();
  }
}
