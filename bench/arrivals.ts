/**
 * When requests come that nobody holds back, and percentiles of how long they took.
 *
 * Pure: chance comes from a seed, so that each server of a round gets the same arrivals.
 */

export interface Arrival {
  readonly atMs: number;
  readonly isSlow: boolean;
}

export interface ArrivalRate {
  readonly requestsPerSecond: number;
  readonly seconds: number;
  /** Of so many requests in a row, one is slow; which one is chance. */
  readonly slowOneIn: number;
}

/** Arrivals with independent gaps (a Poisson process), in their order. */
export function arrivals(
  seed: number,
  { requestsPerSecond, seconds, slowOneIn }: ArrivalRate,
): Arrival[] {
  const chance = randomNumbers(seed);
  const result: Arrival[] = [];
  let slowPlace = 0;
  let atMs = 0;
  for (;;) {
    atMs += (-Math.log(1 - chance()) * 1000) / requestsPerSecond;
    if (atMs >= seconds * 1000) return result;
    const place = result.length % slowOneIn;
    if (place === 0) slowPlace = Math.floor(chance() * slowOneIn);
    result.push({ atMs, isSlow: place === slowPlace });
  }
}

/**
 * The smallest value that `percent` of them do not exceed (the nearest rank).
 *
 * @returns NaN where there are no values
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil((percent / 100) * sorted.length);
  return sorted[Math.max(rank, 1) - 1] ?? Number.NaN;
}

/** Numbers from 0 to below 1 by a 32-bit xorshift, which is random enough to spread requests. */
function randomNumbers(seed: number): () => number {
  // Zero would stay zero; the multiplication spreads seeds that are close to each other.
  let state = Math.imul(seed + 1, 0x9e_37_79_b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
