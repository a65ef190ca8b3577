/**
 * Ids of traces and spans, at random: a few digits each, of which many are drawn at once.
 */
import { randomBytes } from "node:crypto";

const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;
/** Drawn at once. Ids that are kept keep the digits that were drawn with them. */
const DRAWN_BYTES = 6_144;

export class TraceIds {
  #digits = "";
  #at = 0;

  /** 32 hexadecimal digits. That all are zero does not happen in the life of a planet. */
  nextTraceId(): string {
    return this.#next(TRACE_ID_DIGITS);
  }

  /** 16 hexadecimal digits. */
  nextSpanId(): string {
    return this.#next(SPAN_ID_DIGITS);
  }

  #next(count: number): string {
    if (this.#at + count > this.#digits.length) {
      this.#digits = randomBytes(DRAWN_BYTES).toString("hex");
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += count;
    return this.#digits.slice(start, this.#at);
  }
}
