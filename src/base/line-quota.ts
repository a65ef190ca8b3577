/**
 * How many lines a log gets about what comes in floods: whoever can send requests could otherwise
 * fill the disk that it is on. Pure: the time is told.
 */
import type { LogFields } from "./log.ts";

/** The next minute's first line says how many were left out. */
export const LINES_PER_MINUTE_MAX = 60;

const MINUTE_MS = 60_000;

export class LineQuota {
  #minuteEndsMs = -Infinity;
  #written = 0;
  #leftOut = 0;

  /**
   * Asked before each line.
   *
   * @param nowMs monotonic
   * @returns what the line says beside its own; null where it is to be left out
   */
  take(nowMs: number): LogFields | null {
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + MINUTE_MS;
      this.#written = 0;
    }
    if (this.#written >= LINES_PER_MINUTE_MAX) {
      this.#leftOut++;
      return null;
    }
    this.#written++;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut === 0 ? {} : { leftOut };
  }
}
