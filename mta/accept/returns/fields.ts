/**
 * Blocks of fields, as reports have them (RFC 3464 §2.1): lenient, because few who write them read the RFC. Pure.
 *
 * Lines end with CRLF, LF or CR; a folded line goes on; what is no field is passed over; of two fields of one name the
 * first counts. Bounded: so many blocks, and so many fields in each.
 */

/** Values by name in lower case. */
export type Block = ReadonlyMap<string, string>;

const MOST_BLOCKS = 200;
const MOST_FIELDS = 100;
const LONGEST_VALUE = 2000;

/** Blocks are separated by empty lines; empty blocks are left out. */
export function readBlocks(text: string): readonly Block[] {
  const blocks: Map<string, string>[] = [];
  let block = new Map<string, string>();
  let name: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line.trim() === '') {
      if (block.size > 0) blocks.push(block);
      if (blocks.length === MOST_BLOCKS) return blocks;
      block = new Map();
      name = undefined;
    } else name = takeLine(block, name, line);
  }
  return block.size > 0 ? [...blocks, block] : blocks;
}

/** The first block: the header of a message, from its bytes. */
export const readFirstBlock = (content: Buffer): Block => {
  const text = content.toString('utf8', 0, 64 * 1024).replace(/^[\r\n]+/, '');
  const end = /\r\n\r\n|\n\n|\r\r/.exec(text)?.index;
  return readBlocks(text.slice(0, end))[0] ?? new Map<string, string>();
};

/** Takes a line into the block, and answers the field that a folded line would go on. */
function takeLine(block: Map<string, string>, name: string | undefined, line: string): string | undefined {
  if (/^[ \t]/.test(line)) {
    const value = name === undefined ? undefined : block.get(name);
    if (name !== undefined && value !== undefined)
      block.set(name, `${value} ${line.trim()}`.trim().slice(0, LONGEST_VALUE));
    return name;
  }
  const colon = line.indexOf(':');
  const found = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
  if (!/^[!-9;-~]{1,100}$/.test(found) || block.has(found) || block.size === MOST_FIELDS) return undefined;
  block.set(
    found,
    line
      .slice(colon + 1)
      .trim()
      .slice(0, LONGEST_VALUE),
  );
  return found;
}
