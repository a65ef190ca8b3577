/**
 * Ids of traces and spans, at random: a few bytes each, of which many are drawn at once.
 */
import { randomFillSync } from "node:crypto";

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const POOL_BYTES = 6_144;

export class TraceIds {
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #at = POOL_BYTES;

  /** 32 hexadecimal digits. That all are zero does not happen in the life of a planet. */
  nextTraceId(): string {
    return this.#next(TRACE_ID_BYTES);
  }

  /** 16 hexadecimal digits. */
  nextSpanId(): string {
    return this.#next(SPAN_ID_BYTES);
  }

  #next(count: number): string {
    if (this.#at + count > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += count;
    return this.#pool.toString("hex", start, this.#at);
  }
}
