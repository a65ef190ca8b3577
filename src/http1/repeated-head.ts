/**
 * Remembers a head of a connection, as bytes and as understood, so that a client that repeats it,
 * or only its header section, costs a comparison and not a parse. Nearly all clients do.
 *
 * Decides equality only. That equal bytes mean the same holds because the parser looks at nothing
 * else than the bytes, and for a header section also at the method and the version.
 */
import { RememberedBytes } from "./remembered-bytes.ts";
import type { HeaderSection, RequestTarget } from "./request-head.ts";

export class RepeatedHead {
  /** Null before the first head, together with `section`. */
  target: RequestTarget | null = null;
  section: HeaderSection | null = null;
  /** Bytes of the request line with its CRLF. */
  lineLength = 0;
  readonly #bytes = new RememberedBytes();

  /** Bytes of the whole head, the empty line at its end included. */
  get length(): number {
    return this.#bytes.length;
  }

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
    this.#bytes.remember(bytes, start, end);
  }

  /**
   * Whether the remembered bytes `[from..to)` stand at `bytes[at..]`.
   *
   * @bound O(to - from); allocates nothing
   */
  equals(bytes: Buffer, at: number, from: number, to: number): boolean {
    return this.#bytes.equals(bytes, at, from, to);
  }
}
