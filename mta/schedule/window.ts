/**
 * How many connections a site is given, from what it does: a window that opens while mail is taken and closes when the
 * site pushes back. Pure.
 *
 * It begins small and grows by one for each transaction taken, which doubles it each round, until the site first pushes
 * back (421, a connection closed or refused). Then it is halved, and from there on grows by one a round (additive
 * increase, multiplicative decrease: Jacobson, "Congestion Avoidance and Control", 1988; Postfix does the same per
 * destination). Replies about a recipient or a message say nothing about the site's load and are not told here.
 */

export interface Window {
  /** Connections, with a fraction that grows; at least 1. */
  readonly size: number;
  /** It has been pushed back: growth is slow. */
  readonly isCautious: boolean;
}

/** Enough for most receivers, few enough for a small one. */
export const NEW_WINDOW: Window = { size: 5, isCautious: false };

/** A transaction was taken: wider, up to `most`. */
export function widened({ size, isCautious }: Window, most: number): Window {
  const wider = size + (isCautious ? 1 / size : 1);
  return { size: Math.max(Math.min(wider, most), 1), isCautious };
}

/** The site pushed back while `open` connections were open: half of what it had, whether that was all it might have. */
export const narrowed = ({ size }: Window, open: number): Window => ({
  size: Math.max(Math.min(size, open) / 2, 1),
  isCautious: true,
});

/** How many connections may be open. */
export const connectionsOf = ({ size }: Window): number => Math.floor(size);
