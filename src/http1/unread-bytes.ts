/**
 * Bytes that have been received and not been read yet: in the memory of whoever received them as
 * long as that is valid, and afterwards in memory of our own.
 *
 * Copies only what is left over. Knows nothing of what the bytes say; whoever reads them moves
 * `position` on.
 */
import { invariant } from "../base/errors.ts";

const NO_BYTES = /* @__PURE__ */ Buffer.alloc(0);
/** Memory of our own grows by half, so that many small pieces are not copied over and over. */
const GROWTH = 1.5;

export class UnreadBytes {
  /** What has not been read is `bytes[position..end)`. */
  bytes: Buffer = NO_BYTES;
  position = 0;
  end = 0;
  /** Whether `bytes` is the caller's, who will use it again. */
  #borrowed = false;

  get length(): number {
    return this.end - this.position;
  }

  /** Adds `bytes[0..end)`, which are borrowed until {@link keep} or {@link drop}. */
  receive(bytes: Buffer, end: number): void {
    if (this.position === this.end) {
      this.bytes = bytes;
      this.position = 0;
      this.end = end;
      this.#borrowed = true;
      return;
    }
    invariant(!this.#borrowed, "what was received before has been read, or is kept");
    this.#append(bytes, end);
  }

  /** Copies what is borrowed, and lets go of memory in which there is nothing to be read. */
  keep(): void {
    if (this.position === this.end) {
      this.drop();
    } else if (this.#borrowed) {
      const rest = Buffer.allocUnsafe(this.length);
      this.bytes.copy(rest, 0, this.position, this.end);
      this.#adopt(rest, rest.length);
    }
  }

  drop(): void {
    this.#adopt(NO_BYTES, 0);
  }

  #append(bytes: Buffer, length: number): void {
    if (this.end + length > this.bytes.length) {
      const kept = this.length;
      const grown = Buffer.allocUnsafe(Math.ceil((kept + length) * GROWTH));
      this.bytes.copy(grown, 0, this.position, this.end);
      this.#adopt(grown, kept);
    }
    bytes.copy(this.bytes, this.end, 0, length);
    this.end += length;
  }

  #adopt(bytes: Buffer, end: number): void {
    this.bytes = bytes;
    this.position = 0;
    this.end = end;
    this.#borrowed = false;
  }
}
