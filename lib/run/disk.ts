/**
 * How much room a file system has. The one file that asks for it.
 */
import { statfs } from 'node:fs/promises';

/** Bytes: what may still be written, and all there are. */
export interface Space {
  readonly free: number;
  readonly size: number;
}

/** Of the file system that `path` lies in. Rejects when it cannot be asked. */
export async function spaceOf(path: string): Promise<Space> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { free: bavail * bsize, size: blocks * bsize };
}
