/**
 * Logs: JSON lines on standard output, a constant message with fields. The only file that imports pino.
 *
 * Lines are gathered and written together, at the latest after half a second and at exit; errors at once. Text a peer
 * sent is one JSON string and can neither end a line nor begin one. Never holds a secret: callers pass what may be read.
 */
import { pino } from 'pino';

export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Writes out what was gathered. */
  flush(): void;
}

const GATHER_BYTES = 8 * 1024;
const GATHER_MS = 500;

/** A log on a file descriptor; 1 is standard output. */
export function openLog(descriptor: number): Log {
  const destination = pino.destination({
    dest: descriptor,
    sync: false,
    minLength: GATHER_BYTES,
    periodicFlush: GATHER_MS,
  });
  const logger = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    destination,
  );
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => {
      logger.error(fields, message);
      destination.flush();
    },
    flush: () => destination.flushSync(),
  };
}

/** A log that keeps nothing, for tests. */
export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {}, flush: () => {} };
