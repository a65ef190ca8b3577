/**
 * How long things took, as a histogram that quantiles are read from: log-linear buckets, which are
 * at most a sixteenth of their value wide. Pure, bounded, and free of allocation once it is made.
 */

/** Each doubling is cut into so many buckets: as a power of two. */
const BITS = 4;
/** Longer ones, of 35 minutes and more, count as that. */
const LONGEST_US = 0x7fffffff;
const BUCKETS = bucketOf(LONGEST_US) + 1;

export class QuantileHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  /** @param us whole microseconds, from 0 */
  observe(us: number): void {
    const bucket = bucketOf(us > LONGEST_US ? LONGEST_US : us);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /**
   * What that share of all took at most; a sixteenth too high at worst, never too low.
   *
   * @param share above 0, up to 1
   * @returns microseconds; NaN where there was none
   */
  quantileUs(share: number): number {
    if (this.#count === 0) return Number.NaN;
    let left = Math.ceil(this.#count * share);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket] as number;
      if (left <= 0) return Math.min(longestOf(bucket), this.#maxUs);
    }
    return this.#maxUs;
  }

  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxUs = 0;
  }
}

/** Up to 2^BITS each value has its own bucket; from there on each doubling has 2^BITS. */
function bucketOf(us: number): number {
  const shift = Math.max(31 - Math.clz32(us) - BITS, 0);
  return (shift << BITS) + (us >> shift);
}

/** The longest that is counted in a bucket. */
function longestOf(bucket: number): number {
  const shift = Math.max((bucket >> BITS) - 1, 0);
  return (bucket - (shift << BITS) + 1) * 2 ** shift - 1;
}
