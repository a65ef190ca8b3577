/**
 * Remembers the last header section of a connection, as bytes and as understood, so that a client
 * that repeats it costs a comparison and not a parse. Nearly all clients do.
 *
 * Decides equality only. That equal bytes mean the same holds because the parser looks at nothing
 * else than the bytes, the method and the version.
 */
import type { HeaderSection } from "./request-head.ts";

const WORD_BYTES = 8;
/** From here on the call of native code costs less than comparing words in a loop. */
const NATIVE_COMPARE_BYTES_MIN = 400;

/**
 * The view of the memory that was looked at last. Streams hand in the same memory again and again,
 * and making a view costs more than comparing a section.
 */
let viewed: ArrayBufferLike | null = null;
let view: DataView = new DataView(new ArrayBuffer(0));

function viewOf(memory: ArrayBufferLike): DataView {
  if (memory !== viewed) {
    viewed = memory;
    view = new DataView(memory);
  }
  return view;
}

export class RepeatedSection {
  /** Null before the first section. */
  section: HeaderSection | null = null;
  /** Bytes of the section, the empty line at its end included. */
  length = 0;
  #bytes: Buffer | null = null;
  #view: DataView | null = null;

  /** Copies `bytes[start..end)`. */
  remember(bytes: Buffer, start: number, end: number, section: HeaderSection): void {
    this.section = section;
    this.length = end - start;
    if (this.#bytes === null || this.#bytes.length < this.length) {
      this.#bytes = Buffer.allocUnsafe(this.length);
      this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.length);
    }
    bytes.copy(this.#bytes, 0, start, end);
  }

  /**
   * Whether the remembered bytes `[from..to)` are those at the same places of a section that begins
   * at `start`.
   *
   * @bound O(to - from); allocates nothing
   */
  equals(bytes: Buffer, start: number, from: number, to: number): boolean {
    const known = this.#bytes;
    const knownView = this.#view;
    if (known === null || knownView === null) return false;
    if (to - from >= NATIVE_COMPARE_BYTES_MIN) {
      return known.compare(bytes, start + from, start + to, from, to) === 0;
    }
    const words = viewOf(bytes.buffer);
    const offset = bytes.byteOffset + start;
    let at = from;
    for (const last = to - WORD_BYTES; at <= last; at += WORD_BYTES) {
      if (words.getBigUint64(offset + at) !== knownView.getBigUint64(at)) return false;
    }
    for (; at < to; at++) {
      if (bytes[start + at] !== known[at]) return false;
    }
    return true;
  }
}
