/**
 * The door of an HTTP server: who may come in, before anything is read.
 */
import type { Socket } from 'node:net';

/** Counts who is connected: a text is why somebody may not come in. */
export interface HttpDoors {
  enter(address: string): string | undefined;
  leave(address: string): void;
}

/** In clear whoever may not come in is told so; before TLS there is nothing to say. */
export function guardDoor(socket: Socket, doors: HttpDoors, canSpeak: boolean): void {
  const address = addressOf(socket);
  if (doors.enter(address) === undefined) {
    socket.once('close', () => doors.leave(address));
    return;
  }
  if (canSpeak)
    socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nConnection: close\r\n\r\n', () =>
      socket.destroy(),
    );
  else socket.destroy();
}

export const addressOf = (socket: Socket): string => socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
