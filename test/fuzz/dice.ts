/** Choices that are the same for the same seed. */
import { randomNumbers } from "../http1/cut-and-replay.ts";

export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomNumbers(seed);
  }

  /** An integer in `[0, bound)`. */
  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }

  /** An integer in `[low, high]`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  /** One of them; the list is not empty. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** `count` of what is made. */
  many<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }
}

/** A number of 32 bits that depends on each byte (FNV-1a). */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
