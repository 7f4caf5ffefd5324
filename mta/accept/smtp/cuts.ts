/**
 * For tests: bytes as a network may deliver them.
 */

/** `bytes` in order, cut at each place of `places` (taken modulo the length). */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const inside = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...inside, bytes.length];
  return edges.slice(1).map((edge, at) => bytes.subarray(edges[at], edge));
}
