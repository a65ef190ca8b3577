/**
 * How much memory all connections of a server hold for clients that are behind with their answers.
 * Each connection has a bound of its own; many that stay just below it are too much together.
 */
export class HeldMemory {
  /** As of the last sweep. */
  heldBytes = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether nothing more should be held. */
  get exhausted(): boolean {
    return this.heldBytes > this.#maxBytes;
  }
}
