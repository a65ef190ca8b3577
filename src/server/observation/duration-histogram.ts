/**
 * How long things took, as a histogram whose buckets have round decimal bounds, as Prometheus wants
 * them: cumulative since the start, one row for each series (a route, say). Pure, bounded, and free
 * of allocation once it is made.
 */

/** What the bounds of the buckets are in seconds; the last bucket has none. */
export const DURATION_BOUNDS_S: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30, 60, 300,
];

const US_PER_S = 1_000_000;
const BUCKETS = DURATION_BOUNDS_S.length + 1;
const BOUNDS_US = /* @__PURE__ */ Int32Array.from(DURATION_BOUNDS_S, (bound) =>
  Math.round(bound * US_PER_S),
);
/** Longer ones, of 35 minutes and more, are in the last bucket anyway. */
const LONGEST_US = 0x7fffffff;
/** By the position of a duration's highest bit: the first bucket that it may belong to. */
const FIRST_BUCKET = /* @__PURE__ */ Uint8Array.from({ length: 32 }, (_, bit) => {
  const least = bit === 0 ? 0 : 2 ** (bit - 1);
  const bucket = BOUNDS_US.findIndex((bound) => least <= bound);
  return bucket === -1 ? BUCKETS - 1 : bucket;
});

export interface DurationSeries {
  /** Of each bucket by itself, in the order of {@link DURATION_BOUNDS_S}, and of the last. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
}

export class DurationHistogram {
  readonly #counts: Float64Array;
  readonly #sumsUs: Float64Array;

  /** @param rows how many series it holds */
  constructor(rows: number) {
    this.#counts = new Float64Array(rows * BUCKETS);
    this.#sumsUs = new Float64Array(rows);
  }

  /** @param us whole microseconds; a duration at a bound is in the bucket below it */
  observe(row: number, us: number): void {
    const clamped = us > LONGEST_US ? LONGEST_US : us;
    let bucket = FIRST_BUCKET[32 - Math.clz32(clamped)] as number;
    while (bucket < BUCKETS - 1 && clamped > (BOUNDS_US[bucket] as number)) bucket++;
    const at = row * BUCKETS + bucket;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sumsUs[row] = (this.#sumsUs[row] as number) + us;
  }

  series(row: number): DurationSeries {
    const counts = [...this.#counts.subarray(row * BUCKETS, (row + 1) * BUCKETS)];
    const count = counts.reduce((sum, value) => sum + value, 0);
    return { counts, count, sumSeconds: (this.#sumsUs[row] as number) / US_PER_S };
  }
}
