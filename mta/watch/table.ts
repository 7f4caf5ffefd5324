/**
 * Rows of text under one another, each column as wide as its widest cell; the last one as long as it is. Pure.
 */

/** What a peer said may hold anything, and must not steer a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '\u{fffd}');

export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, at) => printable(cell).padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
