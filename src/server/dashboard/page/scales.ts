/**
 * From values to places on an axis, and which values get a line and a number there. Pure.
 */

export interface Scale {
  /** 0 at the bottom of the axis, 1 at its top. */
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

const TICK_STEPS = [1, 2, 5, 10];

/** From 0 to a round number that is not below `max`, with about `tickCount` steps. */
export function linearScale(max: number, tickCount: number): Scale {
  const rough = Math.max(max, 1) / tickCount;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const factor = TICK_STEPS.find((step) => step * magnitude >= rough) ?? 10;
  // A count is never a fraction.
  const step = Math.max(factor * magnitude, 1);
  const top = Math.ceil(Math.max(max, 1) / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { place: (value) => value / top, ticks };
}

/**
 * Whole powers of ten around `min` and `max`, two at least: times differ by factors, and the 99th
 * percentile would press all others to the ground.
 */
export function logarithmicScale(min: number, max: number): Scale {
  const low = Math.floor(Math.log10(Math.max(min, 1)));
  const high = Math.max(Math.ceil(Math.log10(Math.max(max, 1))), low + 2);
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const place = (value: number): number => {
    const exponent = Math.log10(Math.max(value, 1e-9));
    return Math.min(Math.max((exponent - low) / (high - low), 0), 1);
  };
  return { place, ticks };
}

/**
 * Keeps labels apart: each stays as near to its own place as the others let it.
 *
 * @param places in any order
 * @returns in the same order, at least `gap` apart, within `min` and `max` as far as there is room
 */
export function spreadLabels(
  places: readonly number[],
  gap: number,
  min: number,
  max: number,
): number[] {
  const order = places
    .map((_, index) => index)
    .toSorted((one, other) => {
      return (places[one] ?? 0) - (places[other] ?? 0);
    });
  const spread = [...places];
  let least = min;
  for (const index of order) {
    spread[index] = Math.max(spread[index] ?? 0, least);
    least = (spread[index] ?? 0) + gap;
  }
  let most = max;
  for (const index of order.toReversed()) {
    spread[index] = Math.min(spread[index] ?? 0, most);
    most = (spread[index] ?? 0) - gap;
  }
  return spread;
}
