/**
 * Where a command's lines go. Holds no logic.
 */

/** Each line is given with its end. */
export interface CommandOutput {
  out(text: string): void;
  complain(text: string): void;
}
