/**
 * How many workers there should be, where that is a range: more while requests wait, fewer when
 * they have nothing to do. Pure; decides, and forks nothing.
 */

/** Both ends included; equal where the number is fixed. */
export interface WorkerRange {
  readonly min: number;
  readonly max: number;
}

export interface WorkerLoadReading {
  readonly nowMs: number;
  /** Requests that wait for a worker, and how long the oldest has. */
  readonly waiting: number;
  readonly oldestWaitMs: number;
  /** Workers with something to do, and workers that are being started. */
  readonly busy: number;
  readonly starting: number;
}

/** A wait that is shorter ends by itself: somebody is about to be done. */
const WAIT_MIN_MS = 20;
/** Workers beyond what was needed at most in this time are ended. */
const IDLE_WINDOW_MS = 10_000;
/** Kept beyond what was needed, so that the next request finds somebody. */
const SPARE = 1;

export class WorkerScaling {
  #range: WorkerRange;
  #target: number;
  /** The most workers that were needed at once in the present window, and in the last. */
  #needed = 0;
  #neededBefore = 0;
  #windowEndsAtMs = -Infinity;

  constructor(range: WorkerRange) {
    this.#range = range;
    this.#target = range.min;
  }

  get range(): WorkerRange {
    return this.#range;
  }

  get target(): number {
    return this.#target;
  }

  setRange(range: WorkerRange): void {
    this.#range = range;
    this.#target = Math.min(Math.max(this.#target, range.min), range.max);
  }

  /** Called several times a second. @returns how many there should be from now on */
  decide(reading: WorkerLoadReading): number {
    const { min, max } = this.#range;
    const { nowMs, waiting, oldestWaitMs, busy, starting } = reading;
    this.#needed = Math.max(this.#needed, busy + waiting);
    if (waiting > starting && oldestWaitMs >= WAIT_MIN_MS) {
      this.#target = Math.min(this.#target + waiting - starting, max);
    }
    if (nowMs < this.#windowEndsAtMs) return this.#target;
    const enough = Math.max(this.#needed, this.#neededBefore) + SPARE;
    // In the first window nothing is known.
    if (this.#windowEndsAtMs > 0) this.#target = Math.max(min, Math.min(this.#target, enough));
    this.#neededBefore = this.#needed;
    this.#needed = busy + waiting;
    this.#windowEndsAtMs = nowMs + IDLE_WINDOW_MS;
    return this.#target;
  }
}

/** One worker more or fewer: TTIN and TTOU. A range keeps at least one, and its ends in order. */
export function shiftedRange({ min, max }: WorkerRange, by: 1 | -1, bound: number): WorkerRange {
  if (min === max) {
    const count = Math.min(Math.max(min + by, 1), bound);
    return { min: count, max: count };
  }
  const shifted = Math.min(Math.max(min + by, 1), bound);
  return { min: shifted, max: Math.max(max, shifted) };
}
