/**
 * Plays every file of `test/dialogues` against a conversation.
 *
 * `C: ` is a line of the client, sent with CRLF; `C> ` is sent as it stands. Lines of the client in a row are one burst.
 * `S: ` is a line of the server. `\r \n \0 \\` and `\xff` are escapes in client lines. `= secured` ends the handshake, `= closed` and
 * `= accepted N` check. `= options {…}` at the top are those of `StageOptions`. `#` is a comment.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type StageOptions, StagePartner } from './stage-partner.ts';

const folder = new URL('../../../test/dialogues/', import.meta.url);

it.each(readdirSync(folder).filter((name) => name.endsWith('.smtp')))('%s', async (name) => {
  const lines = readFileSync(new URL(name, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(await play(lines)).toEqual(lines);
});

const OPTIONS = '= options ';

/** The lines as they happen: the server's and the checks' as found, everything else as written. */
async function play(script: readonly string[]): Promise<string[]> {
  const options = script.filter((line) => line.startsWith(OPTIONS));
  const lines = script.slice(options.length);
  const partner = new StagePartner(JSON.parse(options[0]?.slice(OPTIONS.length) ?? '{}') as StageOptions);
  partner.conversation.begin();
  const seen = [...options, ...said(await partner.heard())];
  let burst = '';
  for (const [at, line] of lines.entries()) {
    if (/^C[:>] /.test(line)) {
      burst += bytesOf(line);
      seen.push(line);
      if (/^C[:>] /.test(lines[at + 1] ?? '')) continue;
      seen.push(...said(await partner.send(burst)));
      burst = '';
    } else if (line.startsWith('= ')) seen.push(check(partner, line));
  }
  return seen;
}

const said = (text: string): string[] =>
  text
    .split('\r\n')
    .slice(0, -1)
    .map((line) => `S: ${line}`);

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', 0: '\0', '\\': '\\' };

function bytesOf(line: string): string {
  const text = line
    .slice(3)
    .replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (whole, hex: string | undefined, letter: string | undefined) =>
      hex === undefined ? (ESCAPES[letter ?? ''] ?? whole) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return line.startsWith('C: ') ? `${text}\r\n` : text;
}

function check(partner: StagePartner, line: string): string {
  if (line === '= closed') return partner.isClosed ? line : '= open';
  if (line === '= open') return partner.isClosed ? '= closed' : line;
  if (line.startsWith('= accepted ')) return `= accepted ${partner.accepted.length}`;
  if (line === '= secured' && partner.isSecuring) {
    partner.secure();
    return line;
  }
  return `${line} is not what happened`;
}
