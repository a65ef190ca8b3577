/**
 * How long a request that comes now would wait for a worker, judged by the answers of late. It is
 * there to refuse early what cannot be served in time, so it errs on the side of hope: where little
 * is known it knows nothing, and one slow answer among quick ones is no rule. Pure.
 *
 * Requests that wait are a crowd. Once enough of that crowd have been answered, their mean says how
 * long the rest will take; as far as they agree, so what is believed is what the mean is at least.
 * Before that there is only what was before, of other requests: a report
 * that took long a minute ago says little about the pages of now. So what most of those took is
 * believed, the median, and not the mean.
 */

/** Answers that are remembered. */
const ANSWERS_MAX = 64;
/** With fewer, nothing is known. */
const ANSWERS_MIN = 16;
/** What came before the crowd and is older says nothing about it. */
const RECENT_MS = 60_000;
/**
 * Standard errors by which the mean may be less than that of the answers seen: with these, chance
 * makes it look longer than it is in one case of forty.
 */
const STANDARD_ERRORS = 2;
/** How long what was found holds, if no answer comes. */
const KEPT_MS = 1_000;

export class WaitEstimate {
  /** A ring: when each of the last answers came, and how long it had kept its worker busy. */
  readonly #atMs = new Float64Array(ANSWERS_MAX).fill(-Infinity);
  readonly #elapsedUs = new Float64Array(ANSWERS_MAX);
  #next = 0;
  /** Of all in the ring, however old. */
  #sumUs = 0;
  /** Answers since requests began to wait. */
  #crowd = 0;
  #foundUs: number | null = null;
  #foundAtMs = -Infinity;

  /** Nothing has waited until now. */
  crowdBegins(): void {
    this.#crowd = 0;
    this.#foundAtMs = -Infinity;
  }

  /**
   * A worker was busy with one request for so long, whether it answered or not.
   *
   * @param elapsedUs a whole number
   */
  observe(nowMs: number, elapsedUs: number): void {
    const place = this.#next;
    this.#sumUs += elapsedUs - (this.#elapsedUs[place] ?? 0);
    this.#atMs[place] = nowMs;
    this.#elapsedUs[place] = elapsedUs;
    this.#next = (place + 1) % ANSWERS_MAX;
    this.#crowd++;
    this.#foundAtMs = -Infinity;
  }

  /**
   * @param inFront  requests that wait already
   * @param channels how many requests are answered at once
   * @returns ms after which one more would get its worker at the earliest, or null while too little
   *   is known
   */
  waitMs(nowMs: number, inFront: number, channels: number): number | null {
    if (channels === 0) return null;
    if (nowMs - this.#foundAtMs >= KEPT_MS) {
      this.#foundUs =
        this.#crowd >= ANSWERS_MIN ? this.#leastMeanOfCrowd() : this.#medianOfRecent(nowMs);
      this.#foundAtMs = nowMs;
    }
    return this.#foundUs === null ? null : ((inFront + 1) * this.#foundUs) / channels / 1000;
  }

  /** Whether one more would wait for longer than `boundMs`, as far as is known. */
  exceeds(boundMs: number, nowMs: number, inFront: number, channels: number): boolean {
    // Neither mean nor median can be larger than this, and it needs no look at each answer.
    const mostUs = this.#sumUs / (ANSWERS_MIN / 2);
    if ((inFront + 1) * mostUs <= boundMs * 1000 * channels) return false;
    return (this.waitMs(nowMs, inFront, channels) ?? 0) > boundMs;
  }

  #leastMeanOfCrowd(): number {
    const count = Math.min(this.#crowd, ANSWERS_MAX);
    let sum = 0;
    let sumOfSquares = 0;
    for (let back = 1; back <= count; back++) {
      const elapsedUs = this.#elapsedUs[(this.#next - back + ANSWERS_MAX) % ANSWERS_MAX] ?? 0;
      sum += elapsedUs;
      sumOfSquares += elapsedUs ** 2;
    }
    const mean = sum / count;
    // What is left of equal numbers by rounding may lie below zero.
    const variance = Math.max(sumOfSquares / count - mean ** 2, 0);
    return Math.max(mean - STANDARD_ERRORS * Math.sqrt(variance / count), 0);
  }

  #medianOfRecent(nowMs: number): number | null {
    const recent = this.#elapsedUs
      .filter((_, place) => nowMs - (this.#atMs[place] ?? 0) <= RECENT_MS)
      .toSorted();
    if (recent.length < ANSWERS_MIN) return null;
    return recent[Math.floor((recent.length - 1) / 2)] ?? null;
  }
}
