/**
 * Times, counted in an HdrHistogram: any number of them in the same memory, each to three digits.
 *
 * The library is named here and nowhere else (docs/adr/0011-hdr-histogram.md).
 */
import hdr, { type JsHistogram } from "hdr-histogram-js";

/** The figures that are shown of a histogram, in whole microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly minUs: number;
  readonly meanUs: number;
  readonly stdevUs: number;
  /** By percentile, such as "99.9": within so long that share of all was over. */
  readonly percentilesUs: Readonly<Record<string, number>>;
  readonly maxUs: number;
}

/** A histogram as plain data, to travel between processes. */
export interface LatencyData {
  readonly encoded: string;
  /** null where nothing was recorded. */
  readonly minUs: number | null;
  readonly maxUs: number | null;
}

export const PERCENTILES: readonly number[] = [50, 75, 90, 95, 99, 99.9, 99.99];

/** An hour; what took longer is counted as that long. */
const LONGEST_US = 3_600_000_000;
const US_PER_MS = 1_000;
/** Bits of a count while recorded. Up to 2^31 times of one length, which take a day of load. */
const COUNT_BITS = 32;

const SHORTEST_US = 1;
const SIGNIFICANT_DIGITS = 3;
/** Bounds of the bars that are drawn: 1, 2, 5, 10, ... */
const BAR_STEPS: readonly number[] = [1, 2, 5];

/** How many took longer than the bound of the bar before, and not longer than this one's. */
export interface LatencyBar {
  readonly untilUs: number;
  readonly count: number;
}

export class LatencyHistogram {
  readonly #histogram = new hdr.Int32Histogram(SHORTEST_US, LONGEST_US, SIGNIFICANT_DIGITS);

  /** The shortest and the longest as they were, which the counts know to three digits only. */
  #minUs = Infinity;
  #maxUs = 0;

  static fromData({ encoded, minUs, maxUs }: LatencyData): LatencyHistogram {
    const histogram = new LatencyHistogram();
    if (minUs === null || maxUs === null) return histogram;
    histogram.#histogram.add(hdr.decodeFromCompressedBase64(encoded, COUNT_BITS) as JsHistogram);
    histogram.#minUs = minUs;
    histogram.#maxUs = maxUs;
    return histogram;
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  record(ms: number): void {
    const us = Math.min(LONGEST_US, Math.max(SHORTEST_US, Math.round(ms * US_PER_MS)));
    if (us < this.#minUs) this.#minUs = us;
    if (us > this.#maxUs) this.#maxUs = us;
    this.#histogram.recordValue(us);
  }

  add(other: LatencyHistogram): void {
    this.#histogram.add(other.#histogram);
    this.#minUs = Math.min(this.#minUs, other.#minUs);
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
  }

  toData(): LatencyData {
    const isEmpty = this.count === 0;
    return {
      encoded: this.encode(),
      minUs: isEmpty ? null : this.#minUs,
      maxUs: isEmpty ? null : this.#maxUs,
    };
  }

  /** All of it, as HdrHistogram's tools in any language read it (V2, compressed, base64). */
  encode(): string {
    return hdr.encodeIntoCompressedBase64(this.#histogram);
  }

  /** From the first bar in which there is one to the last; empty where nothing was recorded. */
  bars(): LatencyBar[] {
    const histogram = this.#histogram;
    if (histogram.totalCount === 0) return [];
    const bars: LatencyBar[] = [];
    let index = 0;
    for (let power = 1; index <= histogram.countsArrayIndex(this.#maxUs); power *= 10) {
      for (const step of BAR_STEPS) {
        const untilUs = step * power;
        const end = histogram.countsArrayIndex(Math.min(untilUs, LONGEST_US));
        let count = 0;
        for (; index <= end; index++) count += histogram.getCountAtIndex(index);
        bars.push({ untilUs, count });
      }
    }
    const first = bars.findIndex(({ count }) => count > 0);
    const last = bars.findLastIndex(({ count }) => count > 0);
    return bars.slice(first, last + 1);
  }

  /** null where nothing was recorded. */
  summary(): LatencySummary | null {
    const histogram = this.#histogram;
    if (histogram.totalCount === 0) return null;
    const percentiles = PERCENTILES.map((percent) => [
      String(percent),
      Math.min(histogram.getValueAtPercentile(percent), this.#maxUs),
    ]);
    return {
      count: histogram.totalCount,
      minUs: this.#minUs,
      meanUs: Math.round(histogram.mean),
      stdevUs: Math.round(histogram.stdDeviation),
      percentilesUs: Object.fromEntries(percentiles),
      maxUs: this.#maxUs,
    };
  }
}
