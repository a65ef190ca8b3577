/**
 * A clock that stands still while this process does not run: stopped by a signal, paused with its
 * container, asleep with its machine, or starved of the CPU.
 *
 * What should have come meanwhile lies ready to be read; judged by the time of day, everybody would
 * seem late. Pure: the real clock is given.
 */
import type { Clock } from "./clock.ts";

/**
 * The clock is read several times a second. Where it was not for so long, the process did not run.
 */
const GAP_MIN_MS = 1_000;

export class PatientClock implements Clock {
  readonly #clock: Clock;
  #readAtMs: number;
  #missedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#readAtMs = clock.nowMs();
  }

  nowMs(): number {
    const now = this.#clock.nowMs();
    const gapMs = now - this.#readAtMs;
    if (gapMs > GAP_MIN_MS) this.#missedMs += gapMs;
    this.#readAtMs = now;
    return now - this.#missedMs;
  }

  epochMs(): number {
    return this.#clock.epochMs();
  }
}
