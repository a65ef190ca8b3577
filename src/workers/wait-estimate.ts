/**
 * How long a request that comes now would wait for a worker, judged by the answers of late. It is
 * there to refuse early what cannot be served in time, so it errs on the side of hope: where little
 * is known it knows nothing, and one slow answer among quick ones is no rule. Pure.
 */

/** Answers that are remembered. */
const ANSWERS_MAX = 64;
/** With fewer recent ones nothing is known. */
const ANSWERS_MIN = 16;
/** What is older says nothing about now. */
const RECENT_MS = 60_000;
/** The slowest of the remembered ones may have been an accident. */
const ACCIDENTS = 1;

export class WaitEstimate {
  /** A ring: when each of the last answers came, and how long it had kept its worker busy. */
  readonly #atMs = new Float64Array(ANSWERS_MAX).fill(-Infinity);
  readonly #elapsedUs = new Float64Array(ANSWERS_MAX);
  #next = 0;

  /** A worker was busy with one request for so long, whether it answered or not. */
  observe(nowMs: number, elapsedUs: number): void {
    const place = this.#next;
    this.#atMs[place] = nowMs;
    this.#elapsedUs[place] = elapsedUs;
    this.#next = (place + 1) % ANSWERS_MAX;
  }

  /** The mean time of an answer, in ms; null while too little is known. */
  meanMs(nowMs: number): number | null {
    let count = 0;
    let sumUs = 0;
    let slowestUs = 0;
    for (let place = 0; place < ANSWERS_MAX; place++) {
      if (nowMs - (this.#atMs[place] ?? 0) > RECENT_MS) continue;
      const elapsedUs = this.#elapsedUs[place] ?? 0;
      count++;
      sumUs += elapsedUs;
      if (elapsedUs > slowestUs) slowestUs = elapsedUs;
    }
    if (count < ANSWERS_MIN) return null;
    return (sumUs - slowestUs) / (count - ACCIDENTS) / 1000;
  }

  /**
   * @param inFront  requests that wait already
   * @param channels how many requests are answered at once
   * @returns ms until one more would be done waiting, or null while too little is known
   */
  waitMs(nowMs: number, inFront: number, channels: number): number | null {
    if (channels === 0) return null;
    const meanMs = this.meanMs(nowMs);
    return meanMs === null ? null : ((inFront + 1) * meanMs) / channels;
  }
}
