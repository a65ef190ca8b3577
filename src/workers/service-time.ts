/**
 * How many requests a worker may hold at once, learnt from how long the application takes.
 *
 * A batch shares its system calls and wake-ups among its requests, which pays when the application
 * answers in microseconds. But a request behind another in a batch waits for it even when another
 * worker becomes free. So the depth is what fits into {@link BATCH_TARGET_US}, and falls to one for
 * a while after any slow answer.
 */

/** A batch should keep a worker busy for about this long. */
const BATCH_TARGET_US = 1_000;
export const DEPTH_MAX = 64;
/**
 * An answer that took this long is slow. Shorter delays are also caused by the scheduler of a busy
 * machine.
 */
const SLOW_US = 20_000;
/** So many answers must be quick after a slow one before batches are formed again. */
const QUICK_STREAK_MIN = 256;
/** Weight of one observation in the moving average. */
const SMOOTHING = 1 / 32;

export class ServiceTime {
  /** Requests that a worker may hold at once: 1 to {@link DEPTH_MAX}. */
  depth = 1;
  #averageUs: number = BATCH_TARGET_US;
  #quickStreak = 0;

  /** @param elapsedUs the application's time for one request */
  observe(elapsedUs: number): void {
    if (elapsedUs >= SLOW_US) {
      this.#quickStreak = 0;
      this.depth = 1;
      return;
    }
    this.#averageUs += (elapsedUs - this.#averageUs) * SMOOTHING;
    if (this.#quickStreak < QUICK_STREAK_MIN) {
      this.#quickStreak++;
      return;
    }
    const fits = Math.floor(BATCH_TARGET_US / Math.max(this.#averageUs, 1));
    this.depth = Math.min(Math.max(fits, 1), DEPTH_MAX);
  }
}
