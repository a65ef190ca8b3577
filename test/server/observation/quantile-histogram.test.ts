/** Quantiles are at most a sixteenth too high, and never too low. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  NO_COUNTS,
  QuantileHistogram,
  quantileOf,
  sumOfCounts,
  totalOf,
} from "../../../src/server/observation/quantile-histogram.ts";

function histogramOf(durations: readonly number[]): QuantileHistogram {
  const histogram = new QuantileHistogram();
  for (const us of durations) histogram.observe(us);
  return histogram;
}

test("a quantile is that of the sorted durations, or up to a sixteenth more", () => {
  const durations = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1 });
  const shares = fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1);
  fc.assert(
    fc.property(durations, shares, (all, share) => {
      const histogram = new QuantileHistogram();
      for (const us of all) histogram.observe(us);
      const exact = all.toSorted((one, other) => one - other)[Math.ceil(all.length * share) - 1];
      const found = histogram.quantileUs(share);
      assert.ok(exact !== undefined && found >= exact && found <= exact * (1 + 1 / 16));
    }),
  );
});

test("short durations are told exactly, and an hour does not overflow", () => {
  const histogram = new QuantileHistogram();
  histogram.observe(7);
  assert.equal(histogram.quantileUs(0.5), 7);
  histogram.observe(3_600_000_000);
  assert.ok(histogram.quantileUs(1) >= 2 ** 31 - 1);
});

test("there is none of nothing, nor of what was cleared", () => {
  const histogram = new QuantileHistogram();
  assert.ok(Number.isNaN(histogram.quantileUs(0.5)));
  histogram.observe(1);
  histogram.clear();
  assert.ok(Number.isNaN(histogram.quantileUs(0.5)));
  assert.equal(histogram.count, 0);
});

test("what several have counted is what one would have counted", () => {
  // Many of the same, so that they meet in buckets.
  const us = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
  const durations = fc.array(us);
  fc.assert(
    fc.property(durations, durations, durations, (first, second, third) => {
      const [a, b, c] = [first, second, third].map((all) => histogramOf(all).counts());
      assert.ok(a !== undefined && b !== undefined && c !== undefined);
      const all = histogramOf([...first, ...second, ...third]);
      const sum = sumOfCounts(sumOfCounts(a, b), c);
      assert.deepEqual(sum, all.counts());
      assert.deepEqual(sumOfCounts(a, sumOfCounts(b, c)), sum);
      assert.deepEqual(sumOfCounts(b, a), sumOfCounts(a, b));
      assert.deepEqual(sumOfCounts(a, NO_COUNTS), a);
      assert.equal(totalOf(sum), all.count);
      for (const share of [0.01, 0.5, 0.9, 0.99, 1]) {
        assert.equal(quantileOf(sum, share) ?? Number.NaN, all.quantileUs(share));
      }
    }),
  );
});
