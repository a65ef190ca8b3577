/**
 * Bytes of lines, one behind the other, in memory that is used again. A line is written right to
 * where the system reads it from: putting it together as strings costs twice as much, and leaves
 * garbage for each.
 *
 * Owns the memory and its growth. Knows neither lines nor where they go.
 */

const INITIAL_BYTES = 4_096;
/** Calling the runtime costs more than writing so few characters. */
const WRITTEN_BY_HAND_MAX = 12;
const ZERO = 0x30;
/** Numbers up to here are taken apart as 32-bit integers. */
const DIGITS_BY_HAND_MAX = 999_999_999;

export class LineMemory {
  #memory = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#memory.length;
  }

  /** What there is; valid as long as nothing is written. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** @param text latin-1, each character one byte */
  text(text: string): void {
    const { length } = text;
    this.#makeRoom(length);
    const memory = this.#memory;
    const at = this.#length;
    if (length > WRITTEN_BY_HAND_MAX) memory.write(text, at, "latin1");
    else for (let index = 0; index < length; index++) memory[at + index] = text.charCodeAt(index);
    this.#length = at + length;
  }

  /** Text as its bytes: copying them costs less than writing it, however long it is. */
  part(part: Buffer): void {
    this.#makeRoom(part.length);
    this.#memory.set(part, this.#length);
    this.#length += part.length;
  }

  /** @param value in decimal; what is no whole number from 0 on is written as JavaScript does */
  number(value: number): void {
    if (!(value >= 0 && value <= DIGITS_BY_HAND_MAX)) {
      this.text(String(value));
      return;
    }
    let digits = 1;
    for (let bound = 10; bound <= value; bound *= 10) digits++;
    this.#makeRoom(digits);
    const memory = this.#memory;
    this.#length += digits;
    let rest = value;
    for (let at = this.#length - 1; digits > 0; digits--, at--) {
      const tenth = (rest / 10) | 0;
      memory[at] = ZERO + rest - 10 * tenth;
      rest = tenth;
    }
  }

  /** Forgets what is beyond the first `length` bytes. */
  truncate(length: number): void {
    this.#length = length;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    this.#memory.copy(larger, 0, 0, this.#length);
    this.#memory = larger;
  }
}
