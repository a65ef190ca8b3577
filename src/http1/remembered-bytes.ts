/**
 * A copy of bytes that are likely to come again, for a comparison that costs less than what it
 * saves. Decides equality only.
 */

const WORD_BYTES = 8;
/** From here on the call of native code costs less than comparing words in a loop. */
const NATIVE_COMPARE_BYTES_MIN = 400;

/**
 * A view of the memory that was looked at last. Streams hand in the same memory again and again,
 * and making a view costs more than comparing a section.
 */
let viewed: Buffer | null = null;
let view: DataView = new DataView(new ArrayBuffer(0));

function viewOf(bytes: Buffer): DataView {
  if (bytes !== viewed) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  return view;
}

export class RememberedBytes {
  /** How many there are. */
  length = 0;
  #bytes: Buffer | null = null;
  #view: DataView | null = null;

  /** Copies `bytes[start..end)`, in place of what was remembered. */
  remember(bytes: Buffer, start: number, end: number): void {
    this.length = end - start;
    if (this.#bytes === null || this.#bytes.length < this.length) {
      this.#bytes = Buffer.allocUnsafe(this.length);
      this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.length);
    }
    bytes.copy(this.#bytes, 0, start, end);
  }

  /**
   * Whether the remembered bytes `[from..to)` stand at `bytes[at..]`.
   *
   * @bound O(to - from); allocates nothing
   */
  equals(bytes: Buffer, at: number, from: number, to: number): boolean {
    const known = this.#bytes;
    const knownView = this.#view;
    if (known === null || knownView === null) return false;
    if (to - from >= NATIVE_COMPARE_BYTES_MIN) {
      return known.compare(bytes, at, at + to - from, from, to) === 0;
    }
    const words = viewOf(bytes);
    const shift = at - from;
    let index = from;
    for (const last = to - WORD_BYTES; index <= last; index += WORD_BYTES) {
      if (words.getBigUint64(shift + index) !== knownView.getBigUint64(index)) return false;
    }
    for (; index < to; index++) {
      if (bytes[shift + index] !== known[index]) return false;
    }
    return true;
  }
}
