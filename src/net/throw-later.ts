/**
 * What becomes of a mistake of ours that shows inside the reactor: C code is below, through which
 * nothing may be thrown.
 */

/** Makes an uncaught exception of it in a later turn: whoever handles those ends the program. */
export function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
