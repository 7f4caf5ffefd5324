/**
 * Which of those who live a shard belongs to: everybody who knows the same names comes to the same answer. No I/O.
 *
 * Rendezvous hashing (Thaler, Ravishankar 1998): each name has a weight for each shard, the greatest has it. Who comes takes
 * shards from everybody alike; of who goes, each shard falls to the next, and no other shard moves.
 */

/** Undefined when nobody lives. */
export function ownerOf(shard: number, names: Iterable<string>): string | undefined {
  let owner: string | undefined;
  let greatest = -1;
  for (const name of names) {
    const weight = weightOf(shard, name);
    if (weight > greatest || (weight === greatest && owner !== undefined && name < owner)) {
      owner = name;
      greatest = weight;
    }
  }
  return owner;
}

/** FNV-1a (draft-eastlake-fnv) over UTF-16 units, then the end of MurmurHash3, which spreads the last of them over all bits. */
function weightOf(shard: number, name: string): number {
  const text = `${shard} ${name}`;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
