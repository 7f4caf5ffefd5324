/**
 * Waits for the first record of a TLS handshake before TLS is set up: a connection that only begins to greet costs a few
 * bytes, where TLS costs tens of kilobytes.
 *
 * Promises: `then` is called at most once, with the socket paused and every byte back in it; what does not look like a
 * handshake is handed over at once, for TLS to refuse. Time is the caller's business.
 */
import type { Socket } from 'node:net';

const HANDSHAKE = 22;
const HEADER = 5;
/** RFC 8446 §5.1. */
const LONGEST_RECORD = 16_384;

/** Whether the first record is there, or never will be. */
export function isGreeted(bytes: Buffer): boolean {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return true;
  if (bytes.length < HEADER) return false;
  const length = bytes.readUInt16BE(3);
  return length > LONGEST_RECORD || bytes.length >= HEADER + length;
}

export function awaitHello(socket: Socket, then: () => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const leave = (): void => void socket.destroy();
  const read = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (!isGreeted(bytes)) return;
    socket.off('data', read).off('end', leave).pause();
    socket.unshift(bytes);
    then();
  };
  socket.on('data', read).once('end', leave).resume();
}
