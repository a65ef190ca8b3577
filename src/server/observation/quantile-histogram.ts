/**
 * How long things took, as a histogram that quantiles are read from: log-linear buckets, which are
 * at most a sixteenth of their value wide. Pure, bounded, and free of allocation once it is made.
 *
 * What several have counted is added bucket by bucket: quantiles cannot be added, nor averaged.
 */

/** Each doubling is cut into so many buckets: as a power of two. */
const BITS = 4;
/** Longer ones, of 35 minutes and more, count as that. */
const LONGEST_US = 0x7fffffff;
const BUCKETS = bucketOf(LONGEST_US) + 1;

/** What a histogram holds, as it is kept and sent: plain data. */
export interface BucketCounts {
  /** The longest of all; 0 where there was none. */
  readonly maxUs: number;
  /** A bucket's number, what is in it, the next one's, ...; ascending, without empty ones. */
  readonly buckets: readonly number[];
}

export const NO_COUNTS: BucketCounts = { maxUs: 0, buckets: [] };

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

  counts(): BucketCounts {
    if (this.#count === 0) return NO_COUNTS;
    const buckets: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#counts[bucket] as number;
      if (count > 0) buckets.push(bucket, count);
    }
    return { maxUs: this.#maxUs, buckets };
  }

  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxUs = 0;
  }
}

/** What both have counted, as if one had counted it. */
export function sumOfCounts(one: BucketCounts, other: BucketCounts): BucketCounts {
  const [left, right] = [one.buckets, other.buckets];
  const buckets: number[] = [];
  for (let [at, beside] = [0, 0]; at < left.length || beside < right.length;) {
    const [ofLeft, ofRight] = [left[at] ?? Infinity, right[beside] ?? Infinity];
    const bucket = Math.min(ofLeft, ofRight);
    let count = 0;
    if (ofLeft === bucket) {
      count += left[at + 1] as number;
      at += 2;
    }
    if (ofRight === bucket) {
      count += right[beside + 1] as number;
      beside += 2;
    }
    buckets.push(bucket, count);
  }
  return { maxUs: Math.max(one.maxUs, other.maxUs), buckets };
}

/** How many there were. */
export function totalOf({ buckets }: BucketCounts): number {
  let total = 0;
  for (let at = 1; at < buckets.length; at += 2) total += buckets[at] as number;
  return total;
}

/** As {@link QuantileHistogram.quantileUs}; null where there was none. */
export function quantileOf(counts: BucketCounts, share: number): number | null {
  const { buckets, maxUs } = counts;
  let left = Math.ceil(totalOf(counts) * share);
  for (let at = 0; at < buckets.length; at += 2) {
    left -= buckets[at + 1] as number;
    if (left <= 0) return Math.min(longestOf(buckets[at] as number), maxUs);
  }
  return null;
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
