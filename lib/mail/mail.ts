/**
 * Composes mail and hands it to a submission server. The only file that imports nodemailer.
 *
 * Composed mail is 7-bit with CRLF line ends. Nothing of a tenant reaches a transport option.
 */
import nodemailer from 'nodemailer';
import { encode as encodeBase64, wrap as wrapBase64 } from 'nodemailer/lib/base64';
import MimeNode from 'nodemailer/lib/mime-node';
import { encode as encodeQuoted, wrap as wrapQuoted } from 'nodemailer/lib/qp';

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

/** `address` in canonical form; `name` is plain text. */
export interface Mailbox {
  readonly address: string;
  readonly name?: string | undefined;
}

export interface Attachment {
  readonly filename: string;
  /** Not `multipart/…` or `message/…`, which may not be encoded (RFC 2046 §5.2.1). */
  readonly contentType: string;
  readonly content: Buffer;
  /** Shown within the HTML, as `cid:` and this. */
  readonly contentId?: string | undefined;
}

/** A message to compose. No text of a header may hold a line end or another control character. */
export interface Mail {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly replyTo: readonly Mailbox[];
  readonly subject: string;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly attachments: readonly Attachment[];
}

/** Bytes of content up to which a message is put together at once: the rest of the process waits that long. */
const SMALL = 64 * 1024;

/** The message without Date and Message-ID, which whoever sends it adds. Nothing is read from files or the network. */
export async function composeMail(mail: Mail, small = SMALL): Promise<Buffer> {
  // Only a root is given a date and an id of its own, so the message is composed as a child.
  const root = addMixed(new MimeNode('', hasBoundary(mail) ? {} : CHILD), mail);
  const lists = { From: [mail.from], To: mail.to, Cc: mail.cc, 'Reply-To': mail.replyTo };
  for (const [name, value] of mail.headers) root.setHeader(name, value);
  for (const [name, mailboxes] of Object.entries(lists))
    if (mailboxes.length > 0) root.setHeader(name, mailboxes.map(copyOf));
  root.setHeader('Subject', mail.subject);
  root.setHeader('MIME-Version', '1.0');
  return sizeOf(mail) > small ? root.build() : bytesOf(root);
}

/** Random bytes are drawn for a boundary only where there is one. */
const hasBoundary = ({ text, html, attachments }: Mail): boolean =>
  attachments.length > 0 || (text !== undefined && html !== undefined);

const sizeOf = ({ text = '', html = '', attachments }: Mail): number =>
  attachments.reduce((sum, it) => sum + it.content.length, text.length + html.length);

/** What `build` makes, without its streams: they cost more than everything else of accepting a small message. */
const bytesOf = (root: MimeNode): Buffer => {
  const text = textOf(root);
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1');
};

/** Header and content of a node, and those of its children between its boundary (RFC 2046 §5.1.1). All ASCII. */
function textOf(node: MimeNode): string {
  const head = `${node.buildHeaders()}\r\n\r\n`;
  if (!node.multipart) return head + contentOf(node);
  const children = node.childNodes.map((it) => `--${node.boundary}\r\n${textOf(it)}\r\n`);
  return `${head}${children.join('')}--${node.boundary}--\r\n`;
}

function contentOf(node: MimeNode): string {
  const { content } = node;
  if (typeof content !== 'string' && !Buffer.isBuffer(content)) return '';
  const encoding = node.getTransferEncoding();
  if (encoding === 'quoted-printable') return wrapQuoted(encodeQuoted(content));
  if (encoding === 'base64') return wrapBase64(encodeBase64(content));
  return content.toString('latin1');
}

/** Boundaries are made from the root's random bytes: a child's own would be drawn for nothing. */
const CHILD = { newline: '\r\n', disableFileAccess: true, disableUrlAccess: true, baseBoundary: 'of the root' };

const childOf = (parent: MimeNode, contentType: string, filename?: string): MimeNode =>
  parent.createChild(contentType, { ...CHILD, filename });

/** What is handed over is changed by it. */
const copyOf = ({ address, name = '' }: Mailbox): { address: string; name: string } => ({ address, name });

/** Attached files beside the rest; without any, the rest alone (RFC 2046 §5.1.3). */
function addMixed(parent: MimeNode, mail: Mail): MimeNode {
  const attached = mail.attachments.filter((it) => it.contentId === undefined);
  if (attached.length === 0) return addAlternatives(parent, mail);
  const mixed = childOf(parent, 'multipart/mixed');
  addAlternatives(mixed, mail);
  for (const file of attached) addFile(mixed, file, 'attachment');
  return mixed;
}

/** Text before HTML: the last one a reader understands is shown (RFC 2046 §5.1.4). */
function addAlternatives(parent: MimeNode, mail: Mail): MimeNode {
  if (mail.html === undefined) return addText(parent, 'plain', mail.text ?? '');
  if (mail.text === undefined) return addRelated(parent, mail, mail.html);
  const alternative = childOf(parent, 'multipart/alternative');
  addText(alternative, 'plain', mail.text);
  addRelated(alternative, mail, mail.html);
  return alternative;
}

/** HTML with the pictures it shows (RFC 2387). */
function addRelated(parent: MimeNode, mail: Mail, html: string): MimeNode {
  const shown = mail.attachments.filter((it) => it.contentId !== undefined);
  if (shown.length === 0) return addText(parent, 'html', html);
  const related = childOf(parent, 'multipart/related; type="text/html"');
  addText(related, 'html', html);
  for (const file of shown) addFile(related, file, 'inline');
  return related;
}

const addText = (parent: MimeNode, kind: 'plain' | 'html', content: string): MimeNode =>
  childOf(parent, `text/${kind}; charset=utf-8`).setContent(content.replaceAll(/\r\n?|\n/g, '\r\n'));

function addFile(parent: MimeNode, file: Attachment, disposition: 'attachment' | 'inline'): void {
  const node = childOf(parent, file.contentType, file.filename);
  node.setHeader('Content-Disposition', disposition);
  node.setHeader('Content-Transfer-Encoding', 'base64');
  if (file.contentId !== undefined) node.setHeader('Content-Id', `<${file.contentId}>`);
  node.setContent(file.content);
}

/** Where and as whom to submit. */
export interface SubmissionServer {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** PEM of the certificate authority, or the self-made certificate, to trust; undefined: whatever is shown. */
  readonly ca: string | undefined;
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
    tls: server.ca === undefined ? { rejectUnauthorized: false } : { ca: server.ca },
    auth: { user: server.username, pass: server.password },
  });
  try {
    const { response } = await transport.sendMail({ ...mail, to: [...mail.to], disableFileAccess: true });
    return response;
  } finally {
    transport.close();
  }
}
