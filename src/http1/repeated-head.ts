/**
 * Remembers a head of a connection, as bytes and as understood, so that a client that repeats it,
 * or only its header section, costs a comparison and not a parse. Nearly all clients do.
 *
 * Decides equality only. That equal bytes mean the same holds because the parser looks at nothing
 * else than the bytes, and for a header section also at the method and the version.
 */
import type { HeaderSection, RequestTarget } from "./request-head.ts";

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

export class RepeatedHead {
  /** Null before the first head, together with `section`. */
  target: RequestTarget | null = null;
  section: HeaderSection | null = null;
  /** Bytes of the request line with its CRLF. */
  lineLength = 0;
  /** Bytes of the whole head, the empty line at its end included. */
  length = 0;
  #bytes: Buffer | null = null;
  #view: DataView | null = null;

  /** Copies the head at `bytes[start..end)`, whose request line is `lineLength` bytes long. */
  remember(
    bytes: Buffer,
    start: number,
    lineLength: number,
    end: number,
    target: RequestTarget,
    section: HeaderSection,
  ): void {
    this.target = target;
    this.section = section;
    this.lineLength = lineLength;
    this.length = end - start;
    if (this.#bytes === null || this.#bytes.length < this.length) {
      this.#bytes = Buffer.allocUnsafe(this.length);
      this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.length);
    }
    bytes.copy(this.#bytes, 0, start, end);
  }

  /** Lets go of it all: the next head is parsed. */
  forget(): void {
    this.target = null;
    this.section = null;
    this.lineLength = 0;
    this.length = 0;
    this.#bytes = null;
    this.#view = null;
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
