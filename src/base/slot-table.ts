/**
 * Addresses that cannot be mistaken: a slot in a table, and the generation of what stands in it.
 *
 * A descriptor, or an index alone, is used again as soon as it is free, so a late event would reach
 * a stranger. Here a slot that is used again has another generation, and whoever holds the old
 * address finds nothing.
 */

/** Generations wrap within 31 bits, so that both parts travel as signed 32-bit integers. */
const GENERATION_MAX = 0x7fff_ffff;

export class SlotTable<T extends object> {
  readonly #values: (T | null)[] = [];
  readonly #generations: number[] = [];
  readonly #free: number[] = [];

  /** How many slots are taken. */
  get size(): number {
    return this.#values.length - this.#free.length;
  }

  /**
   * Puts `value` into a free slot and returns the slot; `generation(slot)` completes the address.
   */
  add(value: T): number {
    const free = this.#free.pop();
    if (free !== undefined) {
      this.#values[free] = value;
      return free;
    }
    this.#values.push(value);
    this.#generations.push(1);
    return this.#values.length - 1;
  }

  /** The present generation of a slot that is or was taken; 0 for one that never was. */
  generation(slot: number): number {
    return this.#generations[slot] ?? 0;
  }

  /** What stands at that address, or null where it is gone. */
  get(slot: number, generation: number): T | null {
    return this.#generations[slot] === generation ? (this.#values[slot] ?? null) : null;
  }

  /**
   * Frees the slot; every address given out for it is void from now on. Freeing it twice does
   * nothing.
   */
  release(slot: number, generation: number): void {
    if (this.#generations[slot] !== generation || this.#values[slot] === null) return;
    this.#values[slot] = null;
    this.#generations[slot] = generation === GENERATION_MAX ? 1 : generation + 1;
    this.#free.push(slot);
  }

  *values(): IterableIterator<T> {
    for (const value of this.#values) if (value !== null) yield value;
  }
}
