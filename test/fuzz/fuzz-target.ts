/** What the fuzz run tries: inputs are bytes, and everything else follows from them. */
import type { Dice } from "./dice.ts";

export interface FuzzTarget {
  readonly name: string;
  /** What its mutations begin with. */
  seeds(): Buffer[];
  /** An input by the grammar of the target. */
  generate(dice: Dice): Buffer;
  /**
   * Tries one input.
   *
   * @returns what kind of input it was, in a word or two: one of a new kind is kept, and mutated
   * @throws {Error} where the program does what it must not; the message's first line tells
   *   failures apart
   */
  check(input: Buffer): string | Promise<string>;
}
