/**
 * Bytes in order, in blocks of the pool: appended at the end, taken off the beginning.
 */
import { BLOCK_BYTES, type BlockPool } from "./block-pool.ts";

interface Filled {
  readonly block: Buffer;
  start: number;
  end: number;
}

export class BlockList {
  /** Bytes in it. */
  length = 0;
  readonly #pool: BlockPool;
  readonly #filled: Filled[] = [];

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Copies `bytes[start..end)`. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.length += end - start;
    let from = start;
    while (from < end) {
      let last = this.#filled.at(-1);
      if (last === undefined || last.end === BLOCK_BYTES) {
        last = { block: this.#pool.take(), start: 0, end: 0 };
        this.#filled.push(last);
      }
      const count = Math.min(end - from, BLOCK_BYTES - last.end);
      last.block.set(bytes.subarray(from, from + count), last.end);
      last.end += count;
      from += count;
    }
  }

  /** Views of the first blocks' bytes; valid until they are dropped. */
  first(countMax: number): Buffer[] {
    return this.#filled
      .slice(0, countMax)
      .map(({ block, start, end }) => block.subarray(start, end));
  }

  /** Takes so many bytes off the beginning. */
  drop(count: number): void {
    this.length -= count;
    let left = count;
    for (let first = this.#filled[0]; first !== undefined && left > 0; first = this.#filled[0]) {
      const dropped = Math.min(left, first.end - first.start);
      first.start += dropped;
      left -= dropped;
      if (first.start < first.end) return;
      this.#filled.shift();
      this.#pool.give(first.block);
    }
  }

  clear(): void {
    this.drop(this.length);
  }
}
