/**
 * How long requests have waited for a worker in the last minute: a histogram in slices of time, of
 * which the oldest is thrown away as a whole. Bounded, whatever comes. Pure: the time is told.
 */

/** Of the requests that got their worker, or were given up, in the last minute. In ms. */
export interface QueueWait {
  /** Requests that found a worker idle are in it, with a wait of 0. */
  readonly count: number;
  /** Of the one that got its worker last. */
  readonly lastMs: number;
  readonly meanMs: number;
  readonly maxMs: number;
  /** What half, and 99 of 100, waited at most; a fifth too high at worst. Below 1 ms it is 0. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const SLICES = 6;
const SLICE_MS = 10_000;
/** Each doubling of the wait is cut into so many buckets. */
const BUCKETS_PER_OCTAVE = 4;
/** The last bucket takes all that is longer than about an hour. */
const OCTAVES = 22;
/** The first bucket is for less than a millisecond. */
const BUCKETS = 1 + OCTAVES * BUCKETS_PER_OCTAVE;

class Slice {
  readonly buckets = new Uint32Array(BUCKETS);
  count = 0;
  sumMs = 0;
  maxMs = 0;

  clear(): void {
    this.buckets.fill(0);
    this.count = 0;
    this.sumMs = 0;
    this.maxMs = 0;
  }
}

export class QueueWaitRecord {
  readonly #slices = Array.from({ length: SLICES }, () => new Slice());
  /** The place of {@link #slice}, which is the present one until {@link #sliceEndsAtMs}. */
  #place = 0;
  #slice: Slice;
  #sliceEndsAtMs: number;
  #lastMs = 0;

  constructor(nowMs: number) {
    this.#slice = this.#slices[0] as Slice;
    this.#sliceEndsAtMs = nowMs + SLICE_MS;
  }

  /** A request found a worker idle. */
  observeNone(nowMs: number): void {
    if (nowMs >= this.#sliceEndsAtMs) this.#turnTo(nowMs);
    this.#slice.count++;
    this.#lastMs = 0;
  }

  /** A request has waited, and got its worker or was given up. */
  observe(nowMs: number, waitedMs: number): void {
    if (nowMs >= this.#sliceEndsAtMs) this.#turnTo(nowMs);
    const slice = this.#slice;
    const bucket = bucketOf(waitedMs);
    // The first bucket's count is what the others leave of the whole.
    if (bucket > 0) slice.buckets[bucket] = (slice.buckets[bucket] ?? 0) + 1;
    slice.count++;
    slice.sumMs += waitedMs;
    slice.maxMs = Math.max(slice.maxMs, waitedMs);
    this.#lastMs = waitedMs;
  }

  /** What is known of the last minute, less at most one slice of ten seconds. */
  summarize(nowMs: number): QueueWait {
    if (nowMs >= this.#sliceEndsAtMs) this.#turnTo(nowMs);
    let count = 0;
    let sumMs = 0;
    let maxMs = 0;
    for (const slice of this.#slices) {
      count += slice.count;
      sumMs += slice.sumMs;
      maxMs = Math.max(maxMs, slice.maxMs);
    }
    return {
      count,
      lastMs: count === 0 ? 0 : this.#lastMs,
      meanMs: count === 0 ? 0 : sumMs / count,
      maxMs,
      p50Ms: this.#boundOf(count, 0.5, maxMs),
      p99Ms: this.#boundOf(count, 0.99, maxMs),
    };
  }

  /** What that share of all waited at most. */
  #boundOf(count: number, share: number, maxMs: number): number {
    // From the longest down: as many may have waited for longer.
    let longer = Math.floor(count * (1 - share));
    for (let bucket = BUCKETS - 1; bucket > 0; bucket--) {
      for (const { buckets } of this.#slices) longer -= buckets[bucket] ?? 0;
      if (longer >= 0) continue;
      return bucket === BUCKETS - 1 ? maxMs : Math.min(2 ** (bucket / BUCKETS_PER_OCTAVE), maxMs);
    }
    return 0;
  }

  #turnTo(nowMs: number): void {
    const behind = Math.floor((nowMs - this.#sliceEndsAtMs) / SLICE_MS) + 1;
    for (let turn = 0; turn < Math.min(behind, SLICES); turn++) {
      this.#place = (this.#place + 1) % SLICES;
      this.#slice = this.#slices[this.#place] as Slice;
      this.#slice.clear();
    }
    this.#sliceEndsAtMs += behind * SLICE_MS;
  }
}

function bucketOf(waitedMs: number): number {
  if (waitedMs < 1) return 0;
  return Math.min(1 + Math.floor(Math.log2(waitedMs) * BUCKETS_PER_OCTAVE), BUCKETS - 1);
}
