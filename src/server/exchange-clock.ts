/**
 * When exchanges begin and how long they take, with one reading of the clock for both: the time of
 * day follows from the monotonic time, and is compared with the administrator's clock now and then.
 */
import type { Clock } from "../base/clock.ts";

/** So long a change of the administrator's clock may go unnoticed. */
const COMPARED_EVERY_MS = 250;

export class ExchangeClock {
  readonly #clock: Clock;
  #comparedAtMs = -Infinity;
  /** Of the time of day beyond the monotonic time. */
  #offsetMs = 0;

  /** @param clock a fine one: deadlines go by another */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic, with fractions. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** @param nowMs the present time, as {@link ExchangeClock.nowMs} has just said it */
  epochMs(nowMs: number): number {
    if (nowMs - this.#comparedAtMs >= COMPARED_EVERY_MS) {
      this.#comparedAtMs = nowMs;
      this.#offsetMs = this.#clock.epochMs() - nowMs;
    }
    return Math.floor(nowMs + this.#offsetMs);
  }
}
