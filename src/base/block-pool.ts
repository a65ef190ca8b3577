/**
 * Blocks of memory that are used again and again for bytes on their way.
 *
 * Memory outside of V8's heap is given back only when V8 collects all of its garbage, which it does
 * the more often the more of such memory is asked for: with a new buffer for each piece of a large
 * content, most of the time went into that. Whoever takes a block owns it until it gives it back,
 * and must not look at it afterwards.
 */
import { invariant } from "./errors.ts";

export const BLOCK_BYTES = 65_536;
/** What is given back beyond that is left to the garbage collector. */
const KEPT_MAX = 64;

export class BlockPool {
  readonly #kept: Buffer[] = [];

  /** @returns {@link BLOCK_BYTES} of memory with anything in it; nobody else has it */
  take(): Buffer {
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** @param block as `take` returned it, given once */
  give(block: Buffer): void {
    invariant(block.length === BLOCK_BYTES, "only blocks are given back");
    if (this.#kept.length < KEPT_MAX) this.#kept.push(block);
  }
}

/** The process's own. */
export const blockPool = new BlockPool();
