/**
 * Decodes the chunked transfer coding (RFC 9112 section 7.1), without keeping any byte of the
 * content.
 *
 * The lines around the data are state machines that look at one byte at a time: sizes and
 * extensions are checked to the letter, because a lenient reader and a strict one in a row are how
 * requests are smuggled. Extensions are checked, counted, and dropped: we know none. Trailer fields
 * are `trailer-section.ts`'s.
 */
import { nextExtensionStep, type ExtensionStep } from "./chunk-extension.ts";
import { CR, HEX_VALUE, HTAB, LF, SEMICOLON, SP } from "./grammar.ts";
import { type TrailerField, type TrailerLimits, TrailerSection } from "./trailer-section.ts";
import { violation } from "./violations.ts";

export interface ChunkedLimits extends TrailerLimits {
  /** Bytes of content in all. */
  readonly bodyLimitBytes: number;
  /**
   * Bytes of the chunk extensions of one content, in all: each from the first behind a size to the
   * CR.
   */
  readonly chunkExtensionLimitBytes: number;
}

/** Enough for any size that is exact; bounds leading zeros. */
const CHUNK_SIZE_DIGITS_MAX = 16;
const NO_TRAILERS: readonly TrailerField[] = [];

/** What the next byte belongs to. */
type Step =
  | "size-start"
  | "size"
  | "extension"
  | "size-line-feed"
  | "data"
  | "data-cr"
  | "data-line-feed"
  | "trailer"
  | "end";

export class ChunkedDecoder {
  readonly #limits: ChunkedLimits;
  #step: Step = "size-start";
  #extensionStep: ExtensionStep = "between";
  #trailerSection: TrailerSection | null = null;
  #size = 0;
  #digits = 0;
  #contentBytes = 0;
  #extensionBytes = 0;

  constructor(limits: ChunkedLimits) {
    this.#limits = limits;
  }

  /** Bytes of the present chunk's data that are still to come. */
  get dataBytes(): number {
    return this.#step === "data" ? this.#size : 0;
  }

  /**
   * Whether the last chunk, the trailer section and the empty line at the end have been consumed.
   */
  get done(): boolean {
    return this.#step === "end";
  }

  /** The trailer fields that may be handed on, once {@link done}; before, and mostly, none. */
  get trailers(): readonly TrailerField[] {
    return this.done && this.#trailerSection !== null ? this.#trailerSection.fields : NO_TRAILERS;
  }

  /** Makes ready for the next content. */
  reset(): void {
    this.#step = "size-start";
    this.#size = 0;
    this.#digits = 0;
    this.#contentBytes = 0;
    this.#extensionBytes = 0;
    this.#trailerSection = null;
  }

  /** The owner has taken `count` bytes of data, at most {@link dataBytes}. */
  consumeData(count: number): void {
    this.#size -= count;
    if (this.#size === 0) this.#step = "data-cr";
  }

  /**
   * Consumes what is not data in `bytes[start..end)`, up to the next data or the end of the
   * content.
   *
   * @returns the index of the first byte that was not consumed
   * @throws {ProtocolError} 400, 413 or 431; the decoder must not be used afterwards
   */
  skip(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#step !== "data" && this.#step !== "end") {
      this.#step = this.#take(bytes[at] as number);
      at++;
    }
    return at;
  }

  /** @returns the step that follows */
  #take(byte: number): Step {
    switch (this.#step) {
      case "size-start":
      case "size":
        return this.#takeSize(byte);
      case "extension":
        return this.#takeExtension(byte);
      case "size-line-feed":
        if (byte !== LF) throw violation("BARE_CR");
        return this.#endSizeLine();
      case "data-cr":
        if (byte !== CR) throw violation("CHUNK_NOT_ENDED");
        return "data-line-feed";
      case "data-line-feed":
        if (byte !== LF) throw violation("CHUNK_NOT_ENDED");
        return "size-start";
      case "trailer":
        return this.#takeTrailer(byte);
      case "data":
      case "end":
        return this.#step;
      default:
        return this.#step satisfies never;
    }
  }

  #takeSize(byte: number): Step {
    const digit = HEX_VALUE[byte] as number;
    if (digit !== -1) {
      this.#size = this.#size * 16 + digit;
      this.#digits++;
      if (this.#digits > CHUNK_SIZE_DIGITS_MAX || this.#size > Number.MAX_SAFE_INTEGER) {
        throw violation("CHUNK_SIZE_INVALID");
      }
      return "size";
    }
    if (this.#step === "size-start") throw violation("CHUNK_SIZE_INVALID");
    this.#contentBytes += this.#size;
    if (this.#contentBytes > this.#limits.bodyLimitBytes) throw violation("CONTENT_TOO_LARGE");
    if (byte === CR) return "size-line-feed";
    if (byte === LF) throw violation("BARE_LF");
    if (byte !== SEMICOLON && byte !== SP && byte !== HTAB) throw violation("CHUNK_SIZE_INVALID");
    this.#extensionStep = "between";
    return this.#takeExtension(byte);
  }

  #takeExtension(byte: number): Step {
    const next = nextExtensionStep(this.#extensionStep, byte);
    if (next === null) throw violation(byte === LF ? "BARE_LF" : "CHUNK_EXTENSION_INVALID");
    if (next === "end") return "size-line-feed";
    this.#extensionStep = next;
    this.#extensionBytes++;
    if (this.#extensionBytes > this.#limits.chunkExtensionLimitBytes) {
      throw violation("CHUNK_EXTENSION_TOO_LARGE");
    }
    return "extension";
  }

  #endSizeLine(): Step {
    this.#digits = 0;
    if (this.#size > 0) return "data";
    return "trailer";
  }

  #takeTrailer(byte: number): Step {
    this.#trailerSection ??= new TrailerSection(this.#limits);
    return this.#trailerSection.take(byte) ? "end" : "trailer";
  }
}
