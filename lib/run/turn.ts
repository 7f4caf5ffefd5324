/**
 * Long work in steps: between two of them everything else that waits has its turn.
 */

/** Resolves when all that is ready to be done now has been. */
export const othersTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
